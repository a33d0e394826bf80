//! Following a run of numbers beyond what was read of it, in strides that grow as long as all of each belongs to it.

/// Numbers of the first stride.
const STRIDE: i64 = 1_024;
/// Numbers of the longest.
const STRIDE_MOST: i64 = 65_536;

/// A run whose other end is looked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Strides {
    end: i64,
    forward: bool,
    length: i64,
    grows: bool,
}

impl Strides {
    /// From a number of the run, up or down.
    pub(in crate::store) const fn from(end: i64, forward: bool) -> Self {
        Self { end, forward, length: STRIDE, grows: true }
    }

    /// The first and last number of the next stride; nothing once the end is known.
    pub(in crate::store) fn next(self) -> Option<(i64, i64)> {
        let Self { end, forward, length, .. } = self;
        (length > 0).then_some(if forward { (end + 1, end + length) } else { (end - length, end - 1) })
    }

    /// Takes in how many numbers of the stride belong to the run.
    pub(in crate::store) fn found(&mut self, count: i64) {
        if count == self.length {
            self.end += if self.forward { count } else { -count };
            self.length = if self.grows { (count * 4).min(STRIDE_MOST) } else { count };
        } else if count == 0 {
            self.length = 0;
        } else {
            self.grows = false;
            self.length /= 4;
        }
    }

    /// The end as far as it is known.
    pub(in crate::store) const fn end(self) -> i64 {
        self.end
    }
}
