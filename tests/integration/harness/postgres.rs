//! A PostgreSQL server of our own: one per run of the tests, started from the installed package as an ordinary user, in
//! a folder that goes with it. It ends when the test process ends, however that happens.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use sqlx::Connection as _;

/// The oldest major version that is supported.
const OLDEST: u32 = 15;
/// Looks after the server: when its standard input ends, the test process is gone, and so is the server.
const KEEPER: &str = r#"
trap '' INT TERM HUP
"$@" >"$FOLDER/log" 2>&1 &
server=$!
cat >/dev/null
kill -QUIT $server 2>/dev/null
wait $server
rm -rf "$FOLDER"
"#;

struct Server {
    folder: PathBuf,
    /// Its standard input stays open as long as this process lives.
    _keeper: Child,
}

/// An ordinary user to run the server as; the server refuses to run as root.
pub(crate) struct User {
    name: &'static str,
    uid: u32,
    gid: u32,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| start().unwrap_or_else(|problem| panic!("PostgreSQL for the tests: {problem}")))
}

/// A new, empty database and its address.
pub(crate) async fn new_database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let server = tokio::task::spawn_blocking(server).await.unwrap();
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut admin = sqlx::PgConnection::connect(&address(&server.folder, "postgres")).await.unwrap();
    let create = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'");
    sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    address(&server.folder, &name)
}

fn address(folder: &Path, database: &str) -> String {
    let socket = folder.display().to_string().replace('/', "%2F");
    format!("postgres://nmp@{socket}/{database}")
}

fn start() -> Result<Server, String> {
    let programs = programs()?;
    let folder = tempfile::Builder::new().prefix("nmp-pg-").tempdir().map_err(|e| e.to_string())?.keep();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).map_err(|e| e.to_string())?;
    let user = ordinary_user()?;
    if let Some(user) = &user {
        chown(&folder, Some(user.uid), Some(user.gid))
            .map_err(|e| format!("cannot give {} away: {e}", folder.display()))?;
    }
    let data = folder.join("data");
    let made = as_user(user.as_ref(), &programs.join("initdb"))
        .args(["--username=nmp", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"])
        .arg(&data)
        .current_dir(&folder)
        .output()
        .map_err(|e| format!("initdb cannot be run: {e}"))?;
    if !made.status.success() {
        return Err(format!("initdb failed: {}", String::from_utf8_lossy(&made.stderr)));
    }
    let command = as_user(user.as_ref(), &programs.join("postgres"));
    let mut keeper = Command::new("sh");
    keeper.args(["-c", KEEPER, "keeper"]).arg(command.get_program()).args(command.get_args());
    keeper.arg("-D").arg(&data).arg("-k").arg(&folder);
    for setting in [
        "listen_addresses=",
        "max_connections=400",
        "shared_buffers=64MB",
        "fsync=off",
        "full_page_writes=off",
        "log_min_messages=error",
    ] {
        keeper.args(["-c", setting]);
    }
    keeper.env("FOLDER", &folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    let keeper = keeper.spawn().map_err(|e| format!("sh cannot be run: {e}"))?;
    wait_until_ready(&folder, &programs)?;
    Ok(Server { folder, _keeper: keeper })
}

fn wait_until_ready(folder: &Path, programs: &Path) -> Result<(), String> {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let asked = Command::new(programs.join("pg_isready")).arg("-q").arg("-h").arg(folder).status();
        if asked.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        if Instant::now() > end {
            let mut said = String::from("it is not ready after 60 s");
            if let Ok(mut log) = fs::File::open(folder.join("log")) {
                let mut text = String::new();
                let _ = log.read_to_string(&mut text);
                let _ = write!(said, ": {text}");
            }
            return Err(said);
        }
        #[expect(clippy::disallowed_methods, reason = "the wait for a process that answers a question, not an event")]
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The folder of the newest installed server.
fn programs() -> Result<PathBuf, String> {
    let found = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = found
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path().join("bin"))))
        .filter(|(version, path)| *version >= OLDEST && path.join("initdb").exists())
        .max();
    match newest {
        Some((_, path)) => Ok(path),
        None => Err(format!(
            "there is no PostgreSQL {OLDEST} or newer in /usr/lib/postgresql; install Debian's package postgresql"
        )),
    }
}

/// `None` when this process is not root and can run the server itself.
pub(crate) fn ordinary_user() -> Result<Option<User>, String> {
    if number("id", &["-u"])? != 0 {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let (Ok(uid), Ok(gid)) = (number("id", &["-u", name]), number("id", &["-g", name])) {
            return Ok(Some(User { name, uid, gid }));
        }
    }
    Err("there is neither a user postgres nor a user nobody to run the server as".to_owned())
}

fn number(program: &str, arguments: &[&str]) -> Result<u32, String> {
    let output = Command::new(program).args(arguments).output().map_err(|e| format!("{program}: {e}"))?;
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .map_err(|_| format!("{program} {arguments:?} gave no number"))
}

/// A command that runs as that user.
pub(crate) fn as_user(user: Option<&User>, program: &Path) -> Command {
    match user {
        None => Command::new(program),
        Some(user) => {
            let mut command = Command::new("setpriv");
            command
                .arg(format!("--reuid={}", user.name))
                .arg(format!("--regid={}", user.gid))
                .arg("--clear-groups")
                .arg(program);
            command
        }
    }
}
