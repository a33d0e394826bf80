//! Counting what was asked and answered, without touching the shared metrics at each question.

use super::answer::Transport;
use super::wire::{Rcode, kind};

const KINDS: [(u16, &str); 9] = [
    (kind::A, "A"),
    (kind::AAAA, "AAAA"),
    (kind::TXT, "TXT"),
    (kind::NS, "NS"),
    (kind::SOA, "SOA"),
    (kind::SRV, "SRV"),
    (kind::NAPTR, "NAPTR"),
    (kind::ANY, "ANY"),
    (kind::AXFR, "AXFR"),
];
/// Counts those, and all others.
const COLUMNS: usize = KINDS.len() + 1;

/// What one who answers has counted since the last hand-over.
pub(super) struct Tally {
    transport: &'static str,
    answers: [[u64; COLUMNS]; Rcode::ALL.len()],
    ignored: u64,
    truncated: u64,
    dropped: u64,
    total: u32,
}

impl Tally {
    pub(super) fn new(transport: Transport) -> Self {
        let transport = match transport {
            Transport::Udp => "udp",
            Transport::Tcp => "tcp",
        };
        let answers = [[0; COLUMNS]; Rcode::ALL.len()];
        Self { transport, answers, ignored: 0, truncated: 0, dropped: 0, total: 0 }
    }

    pub(super) fn answered(&mut self, kind: u16, rcode: Rcode) {
        let column = KINDS.iter().position(|(known, _)| *known == kind).unwrap_or(KINDS.len());
        if let Some(count) = self.answers.get_mut(rcode.index()).and_then(|row| row.get_mut(column)) {
            *count += 1;
        }
        self.total += 1;
        if self.total >= 10_000 {
            self.hand_over();
        }
    }

    pub(super) fn ignored(&mut self) {
        self.ignored += 1;
    }

    pub(super) fn limited(&mut self, truncated: bool) {
        *(if truncated { &mut self.truncated } else { &mut self.dropped }) += 1;
    }

    /// Gives what was counted to the metrics.
    pub(super) fn hand_over(&mut self) {
        let transport = self.transport;
        for (row, rcode) in self.answers.iter_mut().zip(Rcode::ALL) {
            let labels = KINDS.iter().map(|(_, label)| *label).chain(["other"]);
            for (count, kind) in row.iter_mut().zip(labels) {
                if *count > 0 {
                    metrics::counter!("nmp_dns_queries_total", "transport" => transport, "type" => kind, "rcode" => rcode.label())
                        .increment(std::mem::take(count));
                }
            }
        }
        for (count, what) in
            [(&mut self.ignored, "ignored"), (&mut self.truncated, "truncated"), (&mut self.dropped, "dropped")]
        {
            if *count > 0 {
                metrics::counter!("nmp_dns_unanswered_total", "transport" => transport, "how" => what)
                    .increment(std::mem::take(count));
            }
        }
        self.total = 0;
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.hand_over();
    }
}
