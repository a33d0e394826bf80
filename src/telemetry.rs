//! Log lines and metrics.
//!
//! Lines go through a bounded channel to a thread of their own, so that a log sink that blocks can
//! never hang a request; lines that find the channel full are counted and dropped.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Log, LogFormat};

/// Lines that may wait for the sink.
const QUEUE: usize = 8_192;
/// Upper bounds of the request duration histogram, in seconds.
const SECONDS: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0];

enum Message {
    Line(Vec<u8>),
    Flush(SyncSender<()>),
}

/// Keeps log output going; [`Logs::flush`] waits until what was logged is written.
#[derive(Clone)]
pub struct Logs {
    sender: SyncSender<Message>,
}

impl Logs {
    /// Waits up to a second until every line so far is written.
    pub fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(Duration::from_secs(1));
        }
    }
}

/// Starts logging to standard error. A second call in one process changes nothing.
#[must_use]
pub fn start_logs(settings: &Log) -> Logs {
    let (sender, receiver) = sync_channel(QUEUE);
    let logs = Logs { sender };
    let writer = std::thread::Builder::new().name("log".to_owned()).spawn(move || write_lines(&receiver));
    let filter = filter(&settings.level);
    if writer.is_ok() {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(logs.clone())
            .with_ansi(io::stderr().is_terminal());
        let _ = match settings.format {
            LogFormat::Json => {
                builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
            }
            LogFormat::Text => builder.with_target(false).try_init(),
        };
    }
    logs
}

/// What is logged. The library that asks the database tells of slow statements with all of their text, a megabyte where many
/// rows are written, so it is only heard where the level names it.
fn filter(level: &str) -> EnvFilter {
    let level = if level.contains("sqlx") { level.to_owned() } else { format!("{level},sqlx=error") };
    EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"))
}

fn write_lines(receiver: &Receiver<Message>) {
    for message in receiver {
        match message {
            Message::Line(line) => {
                let _ = io::stderr().write_all(&line);
            }
            Message::Flush(done) => {
                let _ = done.send(());
            }
        }
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Line<'a>;
    fn make_writer(&'a self) -> Line<'a> {
        Line { logs: self, bytes: Vec::new() }
    }
}

/// One log line in the making; handed over when dropped.
pub struct Line<'a> {
    logs: &'a Logs,
    bytes: Vec<u8>,
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        if self.logs.sender.try_send(Message::Line(std::mem::take(&mut self.bytes))).is_err() {
            metrics::counter!("nmp_log_lines_dropped_total").increment(1);
        }
    }
}

/// Starts counting; the handle prints what was counted in Prometheus' text form.
///
/// # Errors
/// When another recorder is installed in this process already, or a bound is refused.
pub fn start_metrics() -> Result<PrometheusHandle, metrics_exporter_prometheus::BuildError> {
    let handle = PrometheusBuilder::new().set_buckets(&SECONDS)?.install_recorder()?;
    describe();
    Ok(handle)
}

fn describe() {
    use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
    describe_counter!("nmp_http_requests_total", "Requests answered");
    describe_histogram!(
        "nmp_http_request_duration_seconds",
        Unit::Seconds,
        "Time until the head of the answer was ready"
    );
    describe_gauge!("nmp_http_connections", "Connections open now");
    describe_counter!("nmp_log_lines_dropped_total", "Log lines dropped because the sink was too slow");
    describe_counter!("nmp_sign_ins_total", "Sign-ins by outcome");
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn statements_are_only_logged_where_the_level_names_them() {
        assert!(filter("info").to_string().contains("sqlx=error"));
        assert!(filter("warn,nmp=debug").to_string().contains("nmp=debug"));
        assert!(!filter("info,sqlx=debug").to_string().contains("error"));
    }
}
