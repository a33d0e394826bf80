//! Answering over TCP: so many connections, each closed when it is silent.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use super::Shared;
use super::answer::{Known, Made, Transport, respond};
use super::tally::Tally;
use super::transfer::{self, Transfer};
use crate::places::{Activity, Limits, Places};

/// A pause after the system refused a connection, for instance because too many files are open.
const PAUSE: Duration = Duration::from_millis(100);
/// A new connection waits so long for a place when all are taken.
const PATIENCE: Duration = Duration::from_secs(1);
/// The system keeps what was sent and not confirmed no longer, also after the connection was closed here.
#[cfg(target_os = "linux")]
const UNCONFIRMED: Duration = Duration::from_secs(30);

/// Accepts until the stop.
pub(super) async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    limits: Limits,
    idle: Duration,
    tasks: TaskTracker,
) {
    let places = Places::new(limits, shared.stop.clone());
    while let Some(accepted) = shared.stop.run_until_cancelled(listener.accept()).await {
        let (stream, from) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, "a connection to the name server could not be accepted");
                let _ = shared.stop.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                continue;
            }
        };
        let Some(taken) = shared.stop.run_until_cancelled(places.take(from.ip(), PATIENCE)).await else { return };
        let Ok(place) = taken else {
            metrics::counter!("nmp_dns_tcp_refused_total").increment(1);
            continue;
        };
        let shared = Arc::clone(&shared);
        tasks.spawn(async move {
            metrics::gauge!("nmp_dns_tcp_connections").increment(1.0);
            // A secondary that fetches the zone is never idle meanwhile, so it is asked to leave at a stop only.
            let conversation = converse(stream, from, &shared, idle, place.activity());
            let _ = place.leave().run_until_cancelled(conversation).await;
            metrics::gauge!("nmp_dns_tcp_connections").decrement(1.0);
        });
    }
}

/// Answers one question after the other until the other side is silent or goes. `None` ends it.
async fn converse(
    mut stream: TcpStream,
    from: SocketAddr,
    shared: &Arc<Shared>,
    idle: Duration,
    activity: &Activity,
) -> Option<()> {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNCONFIRMED));
    let mut tally = Tally::new(Transport::Tcp);
    let (mut packet, mut answer) = (Vec::new(), Vec::new());
    loop {
        // A question that comes in pieces is no more than silence until it is whole.
        activity.waits();
        tokio::time::timeout(idle, receive(&mut stream, &mut packet)).await.ok()??;
        activity.busy();
        let (catalog, numbers) = (shared.catalog.borrow().clone(), shared.numbers.borrow().clone());
        let known = Known { catalog: catalog.as_deref(), numbers: numbers.as_deref().filter(|all| all.are_for(from)) };
        match respond(known, &packet, Transport::Tcp, &mut answer) {
            // Nothing can be said to somebody who does not ask.
            Made::Nothing => return None,
            Made::Answer { kind, rcode } => {
                tally.answered(kind, rcode);
                send(&mut stream, &answer, idle).await?;
            }
            Made::Special => match transfer::over_tcp(shared, catalog, &packet, from.ip().to_canonical())? {
                Transfer::Answer { message, kind, rcode } => {
                    tally.answered(kind, rcode);
                    send(&mut stream, &message, idle).await?;
                }
                Transfer::Zone(messages) => {
                    tally.answered(super::wire::kind::AXFR, super::wire::Rcode::NoError);
                    send_all(&mut stream, messages, idle, from.ip()).await?;
                }
            },
        }
        tally.hand_over();
    }
}

async fn receive(stream: &mut TcpStream, packet: &mut Vec<u8>) -> Option<()> {
    let length = stream.read_u16().await.ok()?;
    packet.resize(usize::from(length), 0);
    stream.read_exact(packet).await.ok()?;
    Some(())
}

async fn send(stream: &mut TcpStream, message: &[u8], idle: Duration) -> Option<()> {
    let mut framed = Vec::with_capacity(message.len() + 2);
    framed.extend_from_slice(&u16::try_from(message.len()).ok()?.to_be_bytes());
    framed.extend_from_slice(message);
    tokio::time::timeout(idle, stream.write_all(&framed)).await.ok()?.ok()
}

async fn send_all(
    stream: &mut TcpStream,
    mut messages: mpsc::Receiver<Vec<u8>>,
    idle: Duration,
    to: IpAddr,
) -> Option<()> {
    let mut count = 0_u32;
    while let Some(message) = messages.recv().await {
        send(stream, &message, idle).await?;
        count += 1;
    }
    tracing::info!(%to, messages = count, "the zone was transferred");
    Some(())
}
