//! Where the records of CSV begin and end, found before a reader is let at them: what is larger than a line of an upload
//! can be is told and passed over, whatever it holds.

/// The most cells of a line; there are far fewer columns.
pub(super) const MAX_CELLS: usize = 256;
/// The most bytes of a line.
pub(super) const MAX_BYTES: usize = 65_536;

/// A record's place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// The byte it begins at.
    pub(super) start: usize,
    /// The byte behind its last, where its line ends.
    pub(super) end: usize,
    /// Line it begins on, from 1.
    pub(super) line: u32,
    /// Line it ends on.
    pub(super) last_line: u32,
    /// How many cells it has.
    pub(super) cells: usize,
    /// Line of a quote in it that never closes.
    pub(super) open: Option<u32>,
}

impl Record {
    /// True when no line of an upload is like this.
    pub(super) fn is_oversized(&self) -> bool {
        self.cells > MAX_CELLS || self.bytes() > MAX_BYTES
    }

    /// How long it is.
    pub(super) fn bytes(&self) -> usize {
        self.end - self.start
    }
}

/// Walks over records as RFC 4180 parts them, without keeping any.
#[derive(Clone, Debug)]
pub(super) struct Records<'a> {
    text: &'a [u8],
    delimiter: u8,
    at: usize,
    line: u32,
}

/// Where in a cell the walk is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// At its beginning: a quote opens here.
    Beginning,
    /// In one without quotes, or behind them: a quote stands for itself.
    Plain,
    /// Between quotes.
    Quotes,
    /// Behind a quote, which is a closing one unless another follows.
    Quote,
}

impl<'a> Records<'a> {
    /// All records of a text.
    #[cfg(test)]
    pub(super) fn new(text: &'a str, delimiter: u8) -> Self {
        Self::from(text, delimiter, 0, 1)
    }

    /// The records from this place on, which is the beginning of one.
    pub(super) fn from(text: &'a str, delimiter: u8, start: usize, line: u32) -> Self {
        Self { text: text.as_bytes(), delimiter, at: start, line }
    }

    /// The records behind this one.
    pub(super) fn behind(&self, record: &Record) -> Self {
        Self { at: record.end, line: record.last_line, ..*self }
    }

    /// Passes over blank lines; true when there is more.
    fn at_record(&mut self) -> bool {
        while let Some(byte) = self.text.get(self.at) {
            match byte {
                b'\n' => self.line = self.line.saturating_add(1),
                b'\r' => {}
                _ => return true,
            }
            self.at += 1;
        }
        false
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if !self.at_record() {
            return None;
        }
        let (start, line) = (self.at, self.line);
        let (mut cells, mut within, mut opened) = (1, Within::Beginning, line);
        for byte in self.text.get(start..).unwrap_or_default() {
            within = match (within, *byte) {
                (Within::Quotes, b'"') => Within::Quote,
                (Within::Quotes, byte) => {
                    self.line = self.line.saturating_add(u32::from(byte == b'\n'));
                    Within::Quotes
                }
                (_, b'\n' | b'\r') => break,
                (_, byte) if byte == self.delimiter => {
                    cells += 1;
                    Within::Beginning
                }
                (Within::Beginning, b'"') => {
                    opened = self.line;
                    Within::Quotes
                }
                (Within::Quote, b'"') => Within::Quotes,
                _ => Within::Plain,
            };
            self.at += 1;
        }
        let open = (within == Within::Quotes).then_some(opened);
        Some(Record { start, end: self.at, line, last_line: self.line, cells, open })
    }
}
