//! A network between us and the server that can swallow what is said, and lose the answer to a commit.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};

/// What it does with what comes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Network {
    /// Passes it on.
    Passes = 0,
    /// Takes it, and passes nothing on.
    Swallows = 1,
    /// Passes a commit on and closes the connection when the server has answered it.
    LosesCommits = 2,
    /// Closes the connection instead of passing a commit on.
    RefusesCommits = 3,
}

/// The network, and the address of the database behind it.
pub(super) struct Proxy {
    network: Arc<AtomicU8>,
    pub(super) url: String,
}

impl Proxy {
    /// Stands in front of the server that is reached at this address, by its socket.
    pub(super) async fn before(url: &str) -> Self {
        let rest = url.strip_prefix("postgres://nmp@").unwrap();
        let (folder, database) = rest.split_once('/').unwrap();
        let socket = PathBuf::from(folder.replace("%2F", "/")).join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let network = Arc::new(AtomicU8::new(0));
        let shared = Arc::clone(&network);
        #[expect(clippy::disallowed_methods, reason = "it ends with the runtime of its test")]
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (socket, network) = (socket.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let server = UnixStream::connect(socket).await.unwrap();
                    let _ = pass(stream, server, &network).await;
                });
            }
        });
        Self { network, url: format!("postgres://nmp@{address}/{database}") }
    }

    pub(super) fn becomes(&self, network: Network) {
        self.network.store(network as u8, Ordering::SeqCst);
    }
}

fn is_commit(said: &[u8]) -> bool {
    said.windows(6).any(|word| word == b"COMMIT")
}

async fn pass(mut client: TcpStream, mut server: UnixStream, network: &AtomicU8) -> std::io::Result<()> {
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    let is = |wanted: Network| network.load(Ordering::SeqCst) == wanted as u8;
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let said = &from_client[..read?];
                if said.is_empty() {
                    return Ok(());
                }
                if is(Network::Swallows) {
                    continue;
                }
                if is(Network::RefusesCommits) && is_commit(said) {
                    return Ok(());
                }
                server.write_all(said).await?;
                if is(Network::LosesCommits) && is_commit(said) {
                    // The server has answered, so it has committed.
                    let _ = server.read(&mut from_server).await?;
                    return Ok(());
                }
            }
            read = server.read(&mut from_server) => {
                let said = &from_server[..read?];
                if said.is_empty() {
                    return Ok(());
                }
                if !is(Network::Swallows) {
                    client.write_all(said).await?;
                }
            }
        }
    }
}
