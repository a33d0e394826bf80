//! Problems of what was typed: all of them, each beside its field.

/// One problem of a form, named by the field it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// The form field's name, such as `account`.
    pub field: &'static str,
    /// What is wrong and what would be right, as a sentence.
    pub message: String,
}

impl FieldProblem {
    /// Makes a problem of this field.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

/// Takes surrounding white space off `text`, and gives nothing when nothing is left.
pub fn filled(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// The most characters of a ticket (seed 000: up to 64 characters).
pub const TICKET_MAX: usize = 64;

/// Checks the optional ticket of a change.
pub fn check_ticket(ticket: Option<&str>, problems: &mut Vec<FieldProblem>) {
    if let Some(ticket) = ticket {
        let count = ticket.chars().count();
        if count > TICKET_MAX {
            problems.push(FieldProblem::new(
                "ticket",
                format!("The ticket has {count} characters; up to {TICKET_MAX} are kept."),
            ));
        } else if ticket.chars().any(char::is_control) {
            problems
                .push(FieldProblem::new("ticket", "The ticket holds a control character; use printable characters."));
        }
    }
}

/// A count with its noun, or with its noun and verb: `1 number`, `12,431 numbers are`.
#[must_use]
pub fn counted(value: i64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(value), if value == 1 { one } else { many })
}

/// A count with its thousands parted: `12,431`.
#[must_use]
pub fn thousands(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::from(if value < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
