//! Reading is declaring: every key is read by one call that names it, gives its default and says
//! what it is for. The same calls collect problems and write the reference.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use serde::de::DeserializeOwned;
use toml::Value;
use url::Url;

use super::addresses::{SERVER_ADDRESS, ServerAddress};

/// Something wrong with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingProblem {
    /// The key as the person wrote it: `portal.listen` or `NMP_PORTAL__LISTEN`.
    pub key: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl std::fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Where settings come from, weakest first: the file, the environment, then flags.
#[derive(Clone, Default)]
pub struct Sources {
    /// Text of the TOML file.
    pub file: Option<String>,
    /// Environment variables; those that do not start with `NMP_` are passed over.
    pub environment: Vec<(String, String)>,
    /// Values given on the command line, by key.
    pub flags: Vec<(&'static str, String)>,
}

/// One declared key, for the reference.
#[derive(Clone, Debug)]
pub struct DeclaredKey {
    /// The key's dotted name.
    pub key: &'static str,
    /// Its default, as one would write it in the file.
    pub default: String,
    /// What it is for.
    pub doc: &'static str,
    /// Whether it is a secret, which may also come from a file named in the environment.
    pub secret: bool,
}

struct GivenValue {
    value: Value,
    /// How to name the key in a problem.
    name: String,
}

/// Reads keys from the layered sources and remembers everything that was wrong.
pub struct Reader {
    file: BTreeMap<String, Value>,
    environment: BTreeMap<String, String>,
    flags: BTreeMap<&'static str, String>,
    declared: Vec<DeclaredKey>,
    problems: Vec<SettingProblem>,
}

impl Reader {
    /// Makes a reader over the sources; a file that is no TOML is the first problem.
    #[must_use]
    pub fn new(sources: Sources) -> Self {
        let mut problems = Vec::new();
        let mut file = BTreeMap::new();
        if let Some(text) = &sources.file {
            match text.parse::<toml::Table>() {
                Ok(table) => flatten("", table, &mut file),
                Err(error) => problems.push(SettingProblem {
                    key: "configuration file".to_owned(),
                    message: format!("is not valid TOML: {}", error.to_string().trim_end().replace('\n', " ")),
                }),
            }
        }
        let environment = sources.environment.into_iter().filter(|(name, _)| name.starts_with("NMP_")).collect();
        let flags = sources.flags.into_iter().collect();
        Self { file, environment, flags, declared: Vec::new(), problems }
    }

    /// Records a problem with a key.
    pub fn problem(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.problems.push(SettingProblem { key: key.into(), message: message.into() });
    }

    /// Whether a problem was found with the key already, in whatever source it was.
    #[must_use]
    pub fn has_problem(&self, key: &str) -> bool {
        let variable = variable(key);
        self.problems
            .iter()
            .any(|problem| problem.key == key || problem.key.strip_suffix("_FILE").unwrap_or(&problem.key) == variable)
    }

    /// Returns what was declared so far, in order.
    #[must_use]
    pub fn declared(&self) -> &[DeclaredKey] {
        &self.declared
    }

    fn declare(&mut self, key: &'static str, default: String, doc: &'static str, secret: bool) {
        self.declared.push(DeclaredKey { key, default, doc, secret });
    }

    fn find(&self, key: &'static str) -> Option<GivenValue> {
        if let Some(text) = self.flags.get(key) {
            return Some(GivenValue { value: Value::String(text.clone()), name: key.to_owned() });
        }
        let variable = variable(key);
        if let Some(text) = self.environment.get(&variable) {
            return Some(GivenValue { value: Value::String(text.clone()), name: variable });
        }
        self.file.get(key).map(|value| GivenValue { value: value.clone(), name: key.to_owned() })
    }

    fn read<T>(&mut self, key: &'static str, parse: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let found = self.find(key)?;
        match parse(&found.value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.problem(found.name, message);
                None
            }
        }
    }

    fn parsed<T: FromStr>(
        &mut self,
        key: &'static str,
        default: Option<&str>,
        doc: &'static str,
        wanted: &str,
    ) -> Option<T> {
        self.declare(key, default.map_or_else(String::new, |text| format!("\"{text}\"")), doc, false);
        let given = self.read(key, |value| {
            let text = value.as_str().ok_or_else(|| not(value, wanted))?;
            text.parse().map_err(|_| not(value, wanted))
        });
        given.or_else(|| default.and_then(|text| text.parse().ok()))
    }

    /// Reads a text; an empty one counts as not given.
    pub fn text(&mut self, key: &'static str, default: Option<&'static str>, doc: &'static str) -> Option<String> {
        self.parsed::<String>(key, default, doc, "a text").filter(|text| !text.is_empty())
    }

    /// Reads an address to listen on.
    pub fn socket(&mut self, key: &'static str, default: &'static str, doc: &'static str) -> SocketAddr {
        self.parsed(key, Some(default), doc, "an IP address and port such as 127.0.0.1:8080 or [::1]:8080")
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Reads the address of a name server, when there is one.
    pub fn server(&mut self, key: &'static str, doc: &'static str) -> Option<ServerAddress> {
        self.parsed(key, None, doc, SERVER_ADDRESS)
    }

    /// Reads an absolute http or https address.
    pub fn url(&mut self, key: &'static str, default: Option<&'static str>, doc: &'static str) -> Option<Url> {
        const WANTED: &str = "an address such as https://portal.example.com/";
        self.declare(key, default.map_or_else(String::new, |text| format!("\"{text}\"")), doc, false);
        let given = self.read(key, |value| {
            let text = value.as_str().ok_or_else(|| not(value, WANTED))?;
            let url = Url::parse(text).map_err(|_| not(value, WANTED))?;
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                return Err(not(value, WANTED));
            }
            if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
                return Err("must not hold a user, a password or a #fragment".to_owned());
            }
            Ok(url)
        });
        given.or_else(|| default.and_then(|text| text.parse().ok()))
    }

    /// Reads a whole number within a range.
    pub fn integer(&mut self, key: &'static str, default: u32, range: RangeInclusive<u32>, doc: &'static str) -> u32 {
        self.declare(key, default.to_string(), doc, false);
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        self.read(key, |value| {
            let number = match value {
                Value::Integer(number) => u32::try_from(*number).ok(),
                Value::String(text) => text.trim().parse().ok(),
                _ => None,
            };
            number.filter(|number| range.contains(number)).ok_or_else(|| not(value, &wanted))
        })
        .unwrap_or(default)
    }

    /// Reads one of a few words.
    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
        doc: &'static str,
    ) -> Option<T> {
        let default = choices.first();
        self.declare(key, default.map_or_else(String::new, |(word, _)| format!("\"{word}\"")), doc, false);
        let wanted = format!("one of {}", choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", "));
        self.read(key, |value| {
            choices
                .iter()
                .find(|(word, _)| Some(*word) == value.as_str())
                .map(|(_, choice)| *choice)
                .ok_or_else(|| not(value, &wanted))
        })
        .or(default.map(|(_, choice)| *choice))
    }

    /// Reads a list of texts: an array in the file, separated by commas in the environment.
    pub fn list<T: FromStr>(&mut self, key: &'static str, default: &[&str], wanted: &str, doc: &'static str) -> Vec<T> {
        let shown = default.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>().join(", ");
        self.declare(key, format!("[{shown}]"), doc, false);
        let given = self.read(key, |value| {
            let parse = |text: &str| text.parse().map_err(|_| format!("\u{201c}{text}\u{201d} is not {wanted}"));
            match value {
                Value::String(text) => text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(parse).collect(),
                Value::Array(items) => items
                    .iter()
                    .map(|item| item.as_str().ok_or_else(|| not(item, wanted)).and_then(parse))
                    .collect::<Result<Vec<T>, _>>(),
                other => Err(not(other, &format!("a list, each {wanted}"))),
            }
        });
        given.unwrap_or_else(|| default.iter().filter_map(|text| text.parse().ok()).collect())
    }

    /// Reads a list of tables; in the environment the same in TOML, on one line.
    pub fn tables<T: DeserializeOwned>(&mut self, key: &'static str, default: &str, doc: &'static str) -> Vec<T> {
        self.declare(key, default.to_owned(), doc, false);
        let given = self.read(key, |value| match value {
            Value::String(text) => inline(text),
            other => other.clone().try_into().map_err(|error: toml::de::Error| one_line(&error)),
        });
        given.or_else(|| inline(default).ok()).unwrap_or_default()
    }

    /// Reads a secret: from the file, the environment, or a file that the variable ending in `_FILE` names.
    pub fn secret(&mut self, key: &'static str, doc: &'static str) -> Option<SecretString> {
        self.declare(key, String::new(), doc, true);
        let variable = format!("{}_FILE", variable(key));
        if let Some(path) = self.environment.get(&variable).cloned() {
            return match std::fs::read_to_string(&path) {
                Ok(text) => Some(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned())),
                Err(error) => {
                    self.problem(variable, format!("cannot read {path}: {error}"));
                    None
                }
            };
        }
        self.read(key, |value| match value {
            Value::String(text) if !text.is_empty() => Ok(SecretString::from(text.clone())),
            // The value itself is never repeated in a message.
            _ => Err("must be a text that is not empty".to_owned()),
        })
    }

    /// Returns every problem, those of unknown keys included.
    #[must_use]
    pub fn finish(mut self) -> Vec<SettingProblem> {
        let known: BTreeSet<&str> = self.declared.iter().map(|declared| declared.key).collect();
        let mut unknown = Vec::new();
        for key in self.file.keys().filter(|key| !known.contains(key.as_str())) {
            unknown.push(unknown_key(key, nearest(key, known.iter().copied()).map(str::to_owned)));
        }
        let variables: Vec<String> = self.declared.iter().flat_map(DeclaredKey::variables).collect();
        for name in self.environment.keys().filter(|name| !variables.contains(name)) {
            let near = nearest(name, variables.iter().map(String::as_str)).map(str::to_owned);
            // A variable without the double underscore is ours only when it looks like a slip.
            if name.contains("__") || near.is_some() {
                unknown.push(unknown_key(name, near));
            }
        }
        self.problems.append(&mut unknown);
        self.problems
    }
}

impl DeclaredKey {
    fn variables(&self) -> impl Iterator<Item = String> + use<> {
        let name = variable(self.key);
        let file = self.secret.then(|| format!("{name}_FILE"));
        [name].into_iter().chain(file)
    }
}

/// Reads a time in minutes.
pub(super) fn minutes(r: &mut Reader, key: &'static str, default: u32, doc: &'static str) -> Duration {
    Duration::from_secs(60 * u64::from(r.integer(key, default, 1..=10_080, doc)))
}

/// Returns the environment variable of a key: `portal.listen` is `NMP_PORTAL__LISTEN`.
#[must_use]
pub fn variable(key: &str) -> String {
    format!("NMP_{}", key.replace('.', "__").to_ascii_uppercase())
}

fn flatten(prefix: &str, table: toml::Table, out: &mut BTreeMap<String, Value>) {
    for (name, value) in table {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(inner) => flatten(&key, inner, out),
            value => {
                out.insert(key, value);
            }
        }
    }
}

fn inline<T: DeserializeOwned>(text: &str) -> Result<Vec<T>, String> {
    #[derive(serde::Deserialize)]
    struct Wrapper<T> {
        value: Vec<T>,
    }
    toml::from_str::<Wrapper<T>>(&format!("value = {text}"))
        .map(|wrapper| wrapper.value)
        .map_err(|error| one_line(&error))
}

fn one_line(error: &toml::de::Error) -> String {
    error.message().replace('\n', " ")
}

fn not(value: &Value, wanted: &str) -> String {
    match value {
        Value::String(text) => format!("\u{201c}{text}\u{201d} is not {wanted}"),
        other => format!("{other} is not {wanted}"),
    }
}

fn unknown_key(key: &str, near: Option<String>) -> SettingProblem {
    let message = match near {
        Some(near) => format!("no such setting; did you mean {near}?"),
        None => "no such setting; \u{201c}nmp config reference\u{201d} lists all of them".to_owned(),
    };
    SettingProblem { key: key.to_owned(), message }
}

/// Returns the candidate with the fewest edits, when it is near enough to be a slip of the finger.
fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (edits(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 3.min(candidate.len() / 3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Returns Levenshtein's distance.
fn edits(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.chars().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != y)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
