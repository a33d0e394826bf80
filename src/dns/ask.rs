//! Asking name servers: ourselves for a check, a resolver for the delegation, secondaries and a primary for attention.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

/// How long an answer may take over UDP.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a whole exchange may take over TCP.
const TCP_PATIENCE: Duration = Duration::from_secs(10);
/// How often a question is asked over UDP.
const TRIES: usize = 2;

/// One whom questions go to.
pub(super) struct Asked {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Asked {
    /// A socket towards the server.
    pub(super) async fn at(server: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr =
            if server.is_ipv4() { (Ipv4Addr::UNSPECIFIED, 0).into() } else { (Ipv6Addr::UNSPECIFIED, 0).into() };
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        Ok(Self { socket, buffer: vec![0; 65_535] })
    }

    /// Where the questions come from.
    pub(super) fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Sends a message until its answer comes, and gives the answer as it came.
    pub(super) async fn exchange(&mut self, message: &[u8]) -> io::Result<Vec<u8>> {
        for _ in 0..TRIES {
            // A port that nobody listens on is told at the next call.
            let _ = self.socket.send(message).await;
            match tokio::time::timeout(PATIENCE, self.answer_to(message)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(_) => {}
            }
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    async fn answer_to(&mut self, message: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            let length = self.socket.recv(&mut self.buffer).await?;
            let answer = self.buffer.get(..length).unwrap_or_default();
            let is_answer = answer.get(2).is_some_and(|flags| flags & 0x80 != 0);
            if is_answer && answer.get(..2) == message.get(..2) {
                return Ok(answer.to_vec());
            }
        }
    }
}

/// Sends a message over TCP, and gives the answer as it came.
pub(super) async fn exchange_over_tcp(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        stream.write_all(&[&length.to_be_bytes(), message].concat()).await?;
        let mut answer = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    tokio::time::timeout(TCP_PATIENCE, exchange).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Makes a question for records of a name.
pub(super) fn question(name: &str, kind: RecordType, recursion: bool) -> Option<Message> {
    let name = self::name(name)?;
    let mut message = Message::new(rand::random(), MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = recursion;
    message.add_query(Query::query(name, kind));
    Some(message)
}

/// Makes the word that the zone has changed (RFC 1996).
pub(super) fn notification(base: &str) -> Option<Message> {
    let mut message = question(base, RecordType::SOA, false)?;
    message.metadata.op_code = OpCode::Notify;
    message.metadata.authoritative = true;
    Some(message)
}

/// Reads a name, whatever characters its labels have: customers' may begin with a dash, which the usual reader refuses.
pub(super) fn name(text: &str) -> Option<Name> {
    Name::from_labels(text.split('.').filter(|label| !label.is_empty()).map(str::as_bytes)).ok()
}
