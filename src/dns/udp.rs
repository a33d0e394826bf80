//! Answering over UDP: a few threads, each with a socket of its own on the same address.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::Shared;
use super::answer::{Known, Made, Transport, respond, truncate};
use super::rate::Verdict;
use super::tally::Tally;
use super::transfer;

/// A thread looks so often whether it is to stop, and hands over what it counted.
const LOOK_UP: Duration = Duration::from_millis(200);
/// More packets may wait while a thread does not run.
const RECEIVE_BUFFER: usize = 4 << 20;

/// A socket that shares its address with others of this process.
pub(super) fn bind(address: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    // As much of it as the system allows.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&address.into())?;
    socket.set_read_timeout(Some(LOOK_UP))?;
    Ok(socket.into())
}

/// Answers until the stop.
pub(super) fn serve(socket: &UdpSocket, shared: &Shared) {
    let mut catalogs = shared.catalog.subscribe();
    let mut catalog = catalogs.borrow_and_update().clone();
    let mut all_numbers = shared.numbers.subscribe();
    let mut numbers = all_numbers.borrow_and_update().clone();
    let mut tally = Tally::new(Transport::Udp);
    let (mut packet, mut answer) = (vec![0; 65_535], Vec::with_capacity(4_096));
    let mut slip = false;
    while !shared.stop.is_cancelled() {
        let (length, from) = match socket.recv_from(&mut packet) {
            Ok(received) => received,
            Err(error) => {
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
                    tally.hand_over();
                }
                continue;
            }
        };
        // One load of an atomic, unless there is a new catalog.
        if catalogs.has_changed().unwrap_or(false) {
            catalog.clone_from(&catalogs.borrow_and_update());
        }
        if all_numbers.has_changed().unwrap_or(false) {
            numbers.clone_from(&all_numbers.borrow_and_update());
        }
        let Some(packet) = packet.get(..length) else { continue };
        let known = Known { catalog: catalog.as_deref(), numbers: numbers.as_deref().filter(|all| all.are_for(from)) };
        let made = match respond(known, packet, Transport::Udp, &mut answer) {
            Made::Special => match transfer::over_udp(shared, catalog.as_deref(), packet, &mut answer) {
                Some((kind, rcode)) => Made::Answer { kind, rcode },
                None => Made::Nothing,
            },
            made => made,
        };
        let Made::Answer { kind, rcode } = made else {
            tally.ignored();
            continue;
        };
        if !shared.is_own(from) && shared.rate.take(from) == Verdict::Limited {
            slip = !slip;
            tally.limited(slip);
            if !slip {
                continue;
            }
            truncate(packet, &mut answer);
        }
        // Whoever cannot be reached has no use for an answer.
        let _ = socket.send_to(&answer, from);
        tally.answered(kind, rcode);
    }
}
