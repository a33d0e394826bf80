//! Processes that start at the same moment on a database that nobody has used.

use std::process::Stdio;

use crate::figures::{figure, long};
use crate::harness::database::{Kind, Place};
use crate::harness::program::nmp;
use crate::harness::runtime;

#[test]
fn all_of_them_start() {
    runtime().block_on(async {
        let rounds = if long() { 10 } else { 4 };
        for _ in 0..rounds {
            let place = Place::new(Kind::Postgres).await;
            let start = || {
                let mut command = nmp();
                command.arg("migrate").env("NMP_DATABASE__URL", &place.url);
                command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            };
            for process in [start(), start(), start()] {
                let output = process.wait_with_output().unwrap();
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
        }
        figure("processes that started together on an empty database", format!("{} of {}", 3 * rounds, 3 * rounds));
    });
}
