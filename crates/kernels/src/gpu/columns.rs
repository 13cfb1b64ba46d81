//! Sums over rows, in two stages of fixed order (`sources/columns.cu`).

use super::launches::{Entries, flag, int};
use super::queue::{Arg, Launch, Storage};
use super::sources::COLUMNS;
use super::{GpuError, Pool, Span};

/// Rows that one block sums, eight lines of them.
const STRETCH: usize = 256;

/// Most stretches; beyond that they grow.
const MOST_STRETCHES: usize = 264;

/// An array `[rows, columns]` whose rows lie `pitch` values apart.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'m> {
    /// The values; the first row begins at the first.
    pub from: Span<'m>,
    /// How they are stored.
    pub storage: Storage,
    /// Rows.
    pub rows: usize,
    /// Columns to sum.
    pub columns: usize,
    /// Values from one row to the next.
    pub pitch: usize,
}

/// Where sums go: f32, onto what is there where `add`.
#[derive(Clone, Copy, Debug)]
pub struct Sums<'m> {
    /// Place of the sums.
    pub to: Span<'m>,
    /// Whether they are added.
    pub add: bool,
}

impl Columns<'_> {
    /// The sum of every column.
    ///
    /// # Errors
    /// [`GpuError::Size`] and those of [`super::Queue::launch`].
    pub fn sum(&self, pool: &Pool, sums: Sums<'_>) -> Result<(), GpuError> {
        let stretch = self.rows.div_ceil(MOST_STRETCHES).next_multiple_of(STRETCH).max(STRETCH);
        let count = self.rows.div_ceil(stretch);
        if count <= 1 {
            return self.stage(pool, sums.to, None, self.columns, self.rows.max(1), sums.add);
        }
        let partial = pool.take(4 * count * self.columns)?;
        self.stage(pool, partial.span(), None, self.columns, stretch, false)?;
        let rest = Columns {
            from: partial.span(),
            storage: Storage::F32,
            rows: count,
            columns: self.columns,
            pitch: self.columns,
        };
        rest.stage(pool, sums.to, None, self.columns, count, sums.add)
    }

    /// The sums of few rows in one stage, columns from `split` on to a second place.
    pub(super) fn sum_split(
        &self,
        pool: &Pool,
        first: Span<'_>,
        second: Span<'_>,
        split: usize,
        add: bool,
    ) -> Result<(), GpuError> {
        self.stage(pool, first, Some(second), split, self.rows.max(1), add)
    }

    fn stage(
        &self,
        pool: &Pool,
        to: Span<'_>,
        second: Option<Span<'_>>,
        split: usize,
        stretch: usize,
        add: bool,
    ) -> Result<(), GpuError> {
        let stretches = self.rows.div_ceil(stretch).max(1);
        let values = match self.rows {
            0 => 0,
            rows => (rows - 1) * self.pitch + self.columns,
        };
        let rest = self.columns - split;
        let args = [
            to.stores("sums of columns", stretches * split, Storage::F32)?,
            second.map_or(Ok(Arg::Absent), |s| s.stores("sums of columns", rest, Storage::F32))?,
            self.from.stores("columns to sum", values, self.storage)?,
            int(self.rows),
            int(self.columns),
            int(self.pitch),
            int(stretch),
            int(split),
            flag(add),
        ];
        let grid = [self.columns.div_ceil(32).max(1) as u32, stretches as u32, 1];
        let kernel = Entries(COLUMNS, ["column_sums_f32", "column_sums_bf16"]).of(self.storage);
        // SAFETY: the spans were checked to hold rows, columns and sums.
        unsafe { pool.queue().launch(kernel, Launch { grid, threads: 256 }, &args) }
    }
}
