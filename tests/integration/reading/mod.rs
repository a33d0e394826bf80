//! Numbers as people write them: each entry is one number, one range, or refused, and what is proposed can be taken over.

mod field_cases;
mod mending;
mod pages;
