//! Files of numbers as people have them: whatever program wrote them they are read, what they do not say stays, and what the
//! product writes comes back as it was.

mod columns;
mod kinds;
mod refused;
pub(crate) mod round_trip;
mod tables;

use nmp::service::orders::Review;
use nmp::service::staging::{SentFile, Staged, Upload, UploadForm, stage_sent};
use std::sync::Arc;

use crate::harness::world::{World, grant};

/// Sends files with this form.
async fn send(world: &World, form: &UploadForm, files: &[(&str, &[u8])]) -> Staged {
    let files =
        files.iter().map(|(name, bytes)| SentFile { name: (*name).to_owned(), bytes: bytes.to_vec() }).collect();
    stage_sent(&world.ctx, &grant(), &Arc::new(Upload { form: form.clone(), files })).await.unwrap()
}

/// The draft that an upload is.
fn draft(staged: &Staged) -> i64 {
    match staged {
        Staged::Draft(id) => *id,
        Staged::Waits(_) => panic!("it is not clear what the columns are"),
    }
}

/// The review of a file that is sent with this form.
async fn review(world: &World, form: &UploadForm, file: &[u8]) -> Review {
    let order = draft(&send(world, form, &[("numbers.csv", file)]).await);
    world.review(order).await
}
