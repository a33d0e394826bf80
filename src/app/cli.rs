//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Number Management Portal: enterprises, their telephone numbers and their orders.
#[derive(Debug, Parser)]
#[command(name = "nmp", version, about, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `nmp` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Everything in one process on this machine, with a sandbox for the outside world
    Demo(DemoOptions),
    /// Production
    Serve {
        /// Configuration file; every key can also come from the environment as NMP_SECTION__KEY
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// The sandbox identity provider and Operator Connect alone
    Sandbox {
        /// Where to listen; loopback only, port 0 = any free one
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
        listen: SocketAddr,
        /// Start without examples
        #[arg(long)]
        empty: bool,
        /// Go on after a restart with what this file holds; without it all ends with the process
        #[arg(long, value_name = "FILE")]
        state: Option<PathBuf>,
    },
    /// Bring the database up to this program
    Migrate {
        /// Configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// After a backup was restored: nothing is pushed before each account was compared with its backends. On SQLite the
    /// process must not run
    Reconcile {
        /// Configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Take over accounts and numbers from another system; without --apply look them through and change nothing
    Import(ImportOptions),
    /// Check or explain the configuration
    Config {
        /// What about it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// The audit
    Audit {
        /// What about it.
        #[command(subcommand)]
        command: AuditCommand,
    },
}

/// `nmp config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Report every problem, one a line; exit code 2 when there are any
    Check {
        /// Configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Every key with its default and meaning, in Markdown
    Reference,
}

/// `nmp audit …`
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Walk the chain of audit entries and say whether any was changed or taken out
    Verify {
        /// Configuration file
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Options of `nmp import`.
#[derive(Clone, Debug, Args)]
pub struct ImportOptions {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where from.
    #[command(flatten)]
    pub source: ImportSource,
    /// File with the bearer token for --from; it is read again for each page, so that it can be replaced meanwhile
    #[arg(long, value_name = "FILE", requires = "from")]
    pub token_file: Option<PathBuf>,
    /// How the letters of files are encoded that are not Unicode, such as the "CSV" of Excel in western Europe
    #[arg(long, value_name = "NAME", value_parser = ["windows-1252"], requires = "paths")]
    pub encoding: Option<String>,
    /// Import, rather than only tell what would be imported
    #[arg(long)]
    pub apply: bool,
}

/// Where `nmp import` reads: one of these.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ImportSource {
    /// Address of a running service of the Provisioning API's contract
    #[arg(long, value_name = "URL", requires = "token_file")]
    pub from: Option<String>,
    /// What the backend has: an account for each consent, and every number that nobody has here
    #[arg(long)]
    pub backend: bool,
    /// Files, or folders of files: saved pages of such a service (.json), accounts and numbers as CSV or workbook (.csv,
    /// .tsv, .xlsx)
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

/// Options of `nmp demo`. Port 0 = any free one; the addresses are printed.
#[derive(Clone, Debug, Args)]
pub struct DemoOptions {
    /// Where data is kept
    #[arg(long, value_name = "FOLDER", default_value = "./nmp-data")]
    pub data_dir: PathBuf,
    /// Start without examples; a data folder that is in use already stays as it is
    #[arg(long)]
    pub empty: bool,
    /// Start without example accounts; the sandbox has its examples all the same
    #[arg(long)]
    pub no_accounts: bool,
    /// Address of the portal
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub portal: SocketAddr,
    /// Address of the Provisioning API
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub api: SocketAddr,
    /// Address of health and metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082")]
    pub operations: SocketAddr,
    /// Address of the name server
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5354")]
    pub dns: SocketAddr,
    /// Address of the sandbox
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    pub sandbox: SocketAddr,
}
