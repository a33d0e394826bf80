//! A PgBouncer between us and the server: one that keeps sessions apart works, one that does not is refused at the start.

use std::path::Path;
use std::process::{Command, Stdio};

use nmp::store::{Db, Error, PoolSize};

use crate::harness::database::{Kind, Place};
use crate::harness::postgres::{as_user, ordinary_user};
use crate::harness::program::{Process, free_port, wait_for_port};
use crate::harness::runtime;
use crate::harness::world::World;

/// Starts Debian's PgBouncer in front of the server, and gives the address of the same database behind it.
fn start(folder: &Path, url: &str, mode: &str) -> (Process, String) {
    let rest = url.strip_prefix("postgres://nmp@").unwrap();
    let (socket, database) = rest.split_once('/').unwrap();
    let port = free_port();
    let settings = format!(
        "[databases]\n* = host={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\nadmin_users = nmp\npool_mode = {mode}\ndefault_pool_size = 40\n",
        socket.replace("%2F", "/"),
    );
    let file = folder.join(format!("pgbouncer-{mode}.ini"));
    std::fs::write(&file, settings.replace("* = host", "* = user=nmp host")).unwrap();
    open_to_all(folder);
    let program = Path::new("/usr/sbin/pgbouncer");
    assert!(program.exists(), "there is no PgBouncer; install Debian's package pgbouncer");
    let mut command: Command = as_user(ordinary_user().unwrap().as_ref(), program);
    command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = Process::start(&mut command);
    wait_for_port(&mut process, port);
    (process, format!("postgres://nmp@127.0.0.1:{port}/{database}"))
}

fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_pooler_that_keeps_sessions_apart_works() {
    runtime().block_on(async {
        let place = Place::new(Kind::Postgres).await;
        let (_pooler, url) = start(place.folder.path(), &place.url, "session");
        let world = World::new(Place { url, folder: place.folder }).await;
        world.facts(crate::harness::world::CONTOSO).await;
        world.local_account("contoso").await;
        world.upload("contoso", "+441632960000-0099").await;
        world.check_invariants().await;
        world.db.close().await;
    });
}

#[test]
fn a_pooler_that_shares_sessions_is_refused_at_the_start() {
    runtime().block_on(async {
        let place = Place::new(Kind::Postgres).await;
        let (_pooler, url) = start(place.folder.path(), &place.url, "transaction");
        let refused = Db::open(&url, PoolSize::default()).await.unwrap_err();
        assert!(matches!(refused, Error::SharedSessions), "{refused:?}");
        let said = crate::harness::program::finished(
            crate::harness::program::nmp().arg("migrate").env("NMP_DATABASE__URL", &url),
        );
        let said = (said.status.code(), String::from_utf8(said.stderr).unwrap());
        assert_eq!(said.0, Some(1), "{}", said.1);
        assert!(said.1.lines().count() == 1 && said.1.contains("pool_mode to session"), "{}", said.1);
    });
}
