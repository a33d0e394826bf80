//! `docs/CONFIGURATION.md`, written from the same calls that read the settings.

use std::fmt::Write as _;

use super::Config;
use super::reader::{Reader, Sources, variable};

const INTRODUCTION: &str = "\
# Configuration

This page is written by `nmp config reference`; a test fails when it is out of date.

Settings come in layers, each stronger than the one before it: built-in defaults, the TOML file given with `--config`,
environment variables, flags. `portal.listen` in this table is

```toml
[portal]
listen = \"127.0.0.1:8080\"
```

in the file and `NMP_PORTAL__LISTEN=127.0.0.1:8080` in the environment. Lists are arrays in the file and separated by commas
in the environment. A secret may also be read from a file: `NMP_IDENTITY__CLIENT_SECRET_FILE=/run/secrets/identity`.

`nmp config check --config nmp.toml` reports every problem at once, one line each, and exits with 2. A key that does not
exist is a problem too. Secrets are never printed.
";

/// Returns the whole page, in Markdown.
#[must_use]
pub fn reference() -> String {
    let mut reader = Reader::new(Sources::default());
    Config::read(&mut reader);
    let mut page = INTRODUCTION.to_owned();
    let mut section = "";
    for declared in reader.declared() {
        let (here, _) = declared.key.split_once('.').unwrap_or((declared.key, ""));
        if here != section {
            section = here;
            let _ = write!(page, "\n## {section}\n\n| key | default | what |\n|---|---|---|\n");
        }
        let default = match declared.default.as_str() {
            "" => "none".to_owned(),
            text => format!("`{}`", text.replace('|', "\\|")),
        };
        let file =
            if declared.secret { format!(" Secret; also `{}_FILE`.", variable(declared.key)) } else { String::new() };
        let _ = writeln!(page, "| `{}` | {default} | {}{file} |", declared.key, declared.doc);
    }
    page
}
