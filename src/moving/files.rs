//! Importing files: saved pages of a service of the contract, and CSV of accounts and of numbers.

use tokio::sync::mpsc;

use super::reading::{Piece, read_all};
use crate::service::Result;
use crate::service::moving::Import;

pub use super::reading::{File, in_folder};

/// Pieces that are read ahead of what is being written.
const AHEAD: usize = 2;

/// Hands everything in these files to an import: all accounts first, whatever the order of the files.
///
/// # Errors
/// When the database fails.
pub async fn take_in(import: &mut Import, files: Vec<File>) -> Result<()> {
    let (give, mut pieces) = mpsc::channel(AHEAD);
    tokio::task::spawn_blocking(move || read_all(&files, |piece| give.blocking_send(piece).is_ok()));
    while let Some(piece) = pieces.recv().await {
        match piece {
            Piece::Accounts(place, accounts) => import.accounts(&place, accounts).await?,
            Piece::Numbers(place, numbers) => import.numbers(&place, numbers).await?,
            Piece::Problem(problem) => import.problem(problem),
        }
    }
    Ok(())
}
