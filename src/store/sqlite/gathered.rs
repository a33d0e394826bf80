//! Questions about single numbers, asked together.
//!
//! A question to SQLite goes to the thread that has the connection and back, which takes longer than to answer it. Those
//! that come at the same moment are one; those that come while it is under way wait, and the first of them then asks for
//! all.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::domain::E164;

/// The most numbers that are asked for together.
const MOST: usize = 64;

/// Where questions meet. Clones share it.
#[derive(Debug)]
pub struct Gathered<V>(Arc<Mutex<State<V>>>);

#[derive(Debug)]
struct State<V> {
    asking: bool,
    waiting: VecDeque<Waiting<V>>,
}

type Waiting<V> = (E164, oneshot::Sender<Reply<V>>);

/// What one who waits is told.
#[derive(Debug)]
pub(in crate::store) enum Reply<V> {
    /// The answer.
    Answer(Option<V>),
    /// To ask, for others as well.
    Turn(Turn<V>),
}

/// The right to ask. It goes on to the next when this value goes; those who were not answered then ask by themselves.
#[derive(Debug)]
pub(in crate::store) struct Turn<V> {
    gathered: Gathered<V>,
    number: E164,
    others: Vec<Waiting<V>>,
}

impl<V> Clone for Gathered<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> Default for Gathered<V> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State { asking: false, waiting: VecDeque::new() })))
    }
}

impl<V> Gathered<V> {
    /// Waits for an answer, or for the turn to ask.
    pub(in crate::store) async fn ask(&self, number: E164) -> Reply<V> {
        loop {
            let turn = match self.wait(number) {
                Err(turn) => turn,
                Ok(told) => match told.await {
                    Ok(Reply::Turn(turn)) => turn,
                    Ok(answer) => return answer,
                    // Who asked for us gave up.
                    Err(_) => continue,
                },
            };
            // Those who come at the same moment come along.
            tokio::task::yield_now().await;
            return Reply::Turn(turn.with_others());
        }
    }

    /// A place in the line, or the turn where nobody asks.
    fn wait(&self, number: E164) -> Result<oneshot::Receiver<Reply<V>>, Turn<V>> {
        let mut state = self.state();
        if std::mem::replace(&mut state.asking, true) {
            let (sender, told) = oneshot::channel();
            state.waiting.push_back((number, sender));
            Ok(told)
        } else {
            Err(Turn { gathered: self.clone(), number, others: Vec::new() })
        }
    }

    fn state(&self) -> MutexGuard<'_, State<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V> Turn<V> {
    /// Takes those along who wait.
    fn with_others(mut self) -> Self {
        let mut state = self.gathered.state();
        let count = state.waiting.len().min(MOST - 1);
        self.others.extend(state.waiting.drain(..count));
        drop(state);
        self
    }
}

impl<V: Clone> Turn<V> {
    /// The numbers to ask for, one of them several times where that makes their count a power of two: only few statements
    /// have to be prepared.
    pub(in crate::store) fn numbers(&self) -> Vec<E164> {
        let mut numbers = vec![self.number; (self.others.len() + 1).next_power_of_two() - self.others.len()];
        numbers.extend(self.others.iter().map(|(number, _)| *number));
        numbers
    }

    /// Tells the others what was found, and gives the own answer.
    pub(in crate::store) fn answer(mut self, found: &[V], number_of: impl Fn(&V) -> E164) -> Option<V> {
        let of = |number| found.iter().find(|value| number_of(value) == number).cloned();
        for (number, sender) in self.others.drain(..) {
            let _ = sender.send(Reply::Answer(of(number)));
        }
        of(self.number)
    }
}

impl<V> Drop for Turn<V> {
    fn drop(&mut self) {
        let mut state = self.gathered.state();
        while let Some((number, sender)) = state.waiting.pop_front() {
            if sender.is_closed() {
                continue;
            }
            drop(state);
            let next = Self { gathered: self.gathered.clone(), number, others: Vec::new() };
            // Who leaves at this very moment drops the turn, and so hands it on.
            let _ = sender.send(Reply::Turn(next));
            return;
        }
        state.asking = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: i64) -> E164 {
        E164::from_i64(441_632_960_000 + value).unwrap()
    }

    /// Asks for a number; who gets the turn answers each with itself, and tells how many it answered.
    async fn ask(gathered: Gathered<i64>, value: i64) -> usize {
        match gathered.ask(number(value)).await {
            Reply::Answer(found) => {
                assert_eq!(found, Some(number(value).as_i64()));
                0
            }
            Reply::Turn(turn) => {
                tokio::task::yield_now().await;
                let found: Vec<i64> = turn.numbers().iter().map(|number| number.as_i64()).collect();
                let count = turn.others.len() + 1;
                assert!(found.len().is_power_of_two() && found.len() >= count, "{count} in {}", found.len());
                let answer = turn.answer(&found, |value| E164::from_i64(*value).unwrap());
                assert_eq!(answer, Some(number(value).as_i64()));
                count
            }
        }
    }

    #[tokio::test]
    async fn everybody_gets_their_own_answer_and_few_ask() {
        let gathered = Gathered::default();
        let answers = futures_util::future::join_all((0..50).map(|value| ask(gathered.clone(), value))).await;
        assert_eq!(answers.iter().sum::<usize>(), 50);
        assert_eq!(answers.iter().filter(|count| **count > 0).count(), 1, "one asked for all");
        assert!(!gathered.state().asking);
    }

    #[tokio::test]
    async fn no_question_is_too_large() {
        let gathered = Gathered::default();
        let answers = futures_util::future::join_all((0..200).map(|value| ask(gathered.clone(), value))).await;
        assert_eq!(answers.iter().sum::<usize>(), 200);
        assert!(answers.iter().all(|count| *count <= MOST), "{answers:?}");
    }

    #[tokio::test]
    async fn who_leaves_takes_nobody_along() {
        let gathered = Gathered::default();
        let Reply::Turn(first) = gathered.ask(number(0)).await else { panic!("nobody else asks") };
        let mut waiting: Vec<_> = (1..4).map(|value| Box::pin(ask(gathered.clone(), value))).collect();
        for one in &mut waiting {
            assert!(futures_util::poll!(one.as_mut()).is_pending());
        }
        // The next in line goes before its turn, then the one whose turn it was.
        drop(waiting.remove(0));
        drop(first);
        drop(waiting.remove(0));
        for one in waiting {
            assert_eq!(one.await, 1);
        }
        let Reply::Turn(turn) = gathered.ask(number(5)).await else { panic!("nobody else asks") };
        assert_eq!(turn.numbers(), [number(5)]);
        let mut follower = Box::pin(ask(gathered.clone(), 6));
        assert!(futures_util::poll!(follower.as_mut()).is_pending());
        drop(turn);
        assert_eq!(follower.await, 1, "who was not answered asks");
    }
}
