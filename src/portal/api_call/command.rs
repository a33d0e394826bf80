//! A call of the Provisioning API as a command for a shell.

use std::fmt;

/// A call of the Provisioning API. It is written as a command of `curl` that any POSIX shell takes, with the access token
/// in the variable `TOKEN`.
#[derive(Clone, Debug)]
pub(super) struct Command {
    /// Options of `curl` that are no part of the call.
    pub(super) options: &'static [&'static str],
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) headers: Vec<&'static str>,
    /// JSON. It is given to `curl` on standard input, where nothing needs to be quoted and nothing is too long.
    pub(super) body: Option<String>,
}

/// Ends the body: a line that JSON never has, for a line of JSON is never a bare word like this one.
const END: &str = "JSON";

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("curl")?;
        for option in self.options {
            write!(f, " {option}")?;
        }
        if self.method != "GET" {
            write!(f, " -X {}", self.method)?;
        }
        write!(f, " {} \\\n  -H \"Authorization: Bearer $TOKEN\"", quoted(&self.url))?;
        for header in &self.headers {
            write!(f, " \\\n  -H {}", quoted(header))?;
        }
        if let Some(body) = &self.body {
            write!(f, " \\\n  --data-binary @- <<'{END}'\n{body}\n{END}")?;
        }
        Ok(())
    }
}

/// A text as one word of a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use proptest::prelude::*;

    use super::*;

    /// Stands in for `curl`: tells its words, each with NUL behind it, then what it is given to read.
    const TELL: &str = r#"curl() { for word in "$@"; do printf '%s\0' "$word"; done; printf 'body:\0'; cat; }"#;

    /// What `curl` would be told: its words, and its standard input.
    fn told(command: &Command) -> (Vec<String>, String) {
        let script = format!("{TELL}\n{command}\n");
        let shell = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("TOKEN", "a token 'of \"mine")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(shell.status.success() && shell.stderr.is_empty(), "{shell:?}");
        let output = String::from_utf8(shell.stdout).unwrap();
        let (words, body) = output.split_once("body:\0").unwrap();
        (words.split_terminator('\0').map(str::to_owned).collect(), body.to_owned())
    }

    fn put(url: &str, body: &serde_json::Value) -> Command {
        let body = Some(serde_json::to_string_pretty(body).unwrap());
        Command {
            options: &[],
            method: "PUT",
            url: url.to_owned(),
            headers: vec!["Content-Type: application/json"],
            body,
        }
    }

    #[test]
    fn a_command_reads_well() {
        let command = put("https://api.example/accounts/contoso?api-version=1", &serde_json::json!({ "name": "it's" }));
        insta::assert_snapshot!(command, @r#"
        curl -X PUT 'https://api.example/accounts/contoso?api-version=1' \
          -H "Authorization: Bearer $TOKEN" \
          -H 'Content-Type: application/json' \
          --data-binary @- <<'JSON'
        {
          "name": "it's"
        }
        JSON
        "#);
        let get = Command { method: "GET", headers: Vec::new(), body: None, ..command };
        insta::assert_snapshot!(get, @r#"
        curl 'https://api.example/accounts/contoso?api-version=1' \
          -H "Authorization: Bearer $TOKEN"
        "#);
    }

    #[test]
    fn what_a_shell_would_touch_stays_as_it_is() {
        let nasty = "it's \"$TOKEN\" `date` $(date) \\ \\n * ~ ! #\nJSON\n'JSON'\r\t; rm -rf / & | < > \u{2028}\u{7f}é";
        let body = serde_json::json!({ "a": nasty, "b": [nasty, "\0"] });
        let (words, given) = told(&put(nasty, &body));
        let expected = ["-X", "PUT", nasty, "-H", "Authorization: Bearer a token 'of \"mine", "-H"];
        assert_eq!(words[..6], expected);
        assert_eq!(words[6..], ["Content-Type: application/json", "--data-binary", "@-"]);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&given).unwrap(), body);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_words_survive_the_shell(url in "[^\0]*", key: String, value: String, spread: bool) {
            let body = serde_json::json!({ key: [value, "JSON"] });
            let mut command = put(&url, &body);
            if !spread {
                command.body = Some(body.to_string());
            }
            let (words, given) = told(&command);
            prop_assert_eq!(&words[2], &url);
            prop_assert_eq!(words.len(), 9);
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&given).unwrap(), body);
        }
    }
}
