//! The last zone on disk: what is answered after a start without the database.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::store::ZoneSnapshot;

/// The first word of the file. Another form has another number.
const FORM: &str = "nmp-zone-1";

/// Writes the zone beside the file and puts it in its place, so that there is always a whole one.
pub(super) fn keep(path: &Path, base: &str, zone: &ZoneSnapshot) -> std::io::Result<()> {
    write(path, &format!("{FORM} {base} {}\n{}\n", zone.serial, zone.accounts))
}

/// Writes a text with its checksum beside the file and puts it in its place.
pub(super) fn write(path: &Path, body: &str) -> std::io::Result<()> {
    let beside = path.with_added_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(body.as_bytes())?;
    writeln!(file, "{}", checksum(body))?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// The zone in the file, when it is whole and of this base domain.
pub(super) fn recall(path: &Path, base: &str) -> Result<Option<ZoneSnapshot>, String> {
    let Some(body) = read(path)? else { return Ok(None) };
    let (head, accounts) = body.split_once('\n').ok_or("it is cut off")?;
    match head.split(' ').collect::<Vec<_>>().as_slice() {
        [FORM, its, serial] if *its == base => {
            let serial = serial.parse().map_err(|_| "its serial is no number")?;
            Ok(Some(ZoneSnapshot { serial, accounts: accounts.trim_end().to_owned() }))
        }
        [FORM, ..] => Ok(None),
        _ => Err("it has another form".to_owned()),
    }
}

/// The text of a file that [`write()`] wrote, when it is whole.
pub(super) fn read(path: &Path) -> Result<Option<String>, String> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(text) => text,
    };
    let (body, sum) = text.trim_end().rsplit_once('\n').ok_or("it is cut off")?;
    let body = format!("{body}\n");
    if checksum(&body) == sum { Ok(Some(body)) } else { Err("its checksum is wrong".to_owned()) }
}

fn checksum(body: &str) -> String {
    format!("{:x}", Sha256::digest(body.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_recalled_and_what_is_broken_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("zone");
        assert_eq!(recall(&path, "a.b"), Ok(None));
        let zone = ZoneSnapshot { serial: 7, accounts: "contoso MS=ms1 MS=ms2,fabrikam x y".to_owned() };
        keep(&path, "a.b", &zone).unwrap();
        assert_eq!(recall(&path, "a.b"), Ok(Some(zone)));
        assert_eq!(recall(&path, "other.b"), Ok(None));
        let empty = ZoneSnapshot { serial: 8, accounts: String::new() };
        keep(&path, "a.b", &empty).unwrap();
        assert_eq!(recall(&path, "a.b"), Ok(Some(empty)));
        let text = std::fs::read_to_string(&path).unwrap();
        for broken in [text.replace(" 8", " 9"), text[..text.len() - 9].to_owned(), String::new(), "x".to_owned()] {
            std::fs::write(&path, broken).unwrap();
            assert!(recall(&path, "a.b").is_err());
        }
    }
}
