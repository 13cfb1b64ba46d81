//! Sums over rows, in two stages of fixed order (`sources/columns.cu`).
//!
//! The last stages of all sums of a reverse pass are one launch: each alone is too small to keep a device busy.

use super::launches::{Entries, flag, int};
use super::queue::{Arg, Kernel, Launch, Storage};
use super::sources::COLUMNS;
use super::{Block, GpuError, Pool, Span};

/// Rows that one block sums, eight lines of them.
const STRETCH: usize = 64;

/// Most stretches; beyond that they grow.
const MOST_STRETCHES: usize = 264;

/// Rows that are summed in one stage.
const FEW: usize = 256;

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

const STAGE: [Entries; 2] = [
    Entries(COLUMNS, ["column_sums_f32", "column_sums_bf16"]),
    Entries(COLUMNS, ["column_sums_f32_single", "column_sums_bf16_single"]),
];

impl Columns<'_> {
    /// The sum of every column; of many rows it is there when `gathered` is finished.
    pub(super) fn sum(&self, pool: &Pool, sums: Sums<'_>, gathered: &mut Gathered) -> Result<(), GpuError> {
        if self.rows <= FEW {
            return self.stage(pool, sums.to, self.rows.max(1), sums.add);
        }
        let stretch = self.rows.div_ceil(MOST_STRETCHES).next_multiple_of(8).max(STRETCH);
        let count = self.rows.div_ceil(stretch);
        let partial = gathered.room(pool, count, &[(sums, self.columns)])?;
        self.stage(pool, partial, stretch, false)
    }

    /// The sum of every column, there at once: two launches of many rows instead of a share in one for all sums.
    ///
    /// # Errors
    /// [`GpuError::Size`], and those of launches and allocations.
    pub fn total(&self, pool: &Pool, to: Span<'_>) -> Result<(), GpuError> {
        if self.rows <= FEW {
            return self.stage(pool, to, self.rows.max(1), false);
        }
        let stretch = self.rows.div_ceil(MOST_STRETCHES).next_multiple_of(8).max(STRETCH);
        let rows = self.rows.div_ceil(stretch);
        let partial = pool.take(4 * rows * self.columns)?;
        self.stage(pool, partial.span(), stretch, false)?;
        let (from, columns) = (partial.span(), self.columns);
        let summed = Columns { from, storage: Storage::F32, rows, columns, pitch: columns };
        summed.stage(pool, to, rows, false)
    }

    fn stage(&self, pool: &Pool, to: Span<'_>, stretch: usize, add: bool) -> Result<(), GpuError> {
        let stretches = self.rows.div_ceil(stretch).max(1);
        let values = match self.rows {
            0 => 0,
            rows => (rows - 1) * self.pitch + self.columns,
        };
        let args = [
            to.stores("sums of columns", stretches * self.columns, Storage::F32)?,
            self.from.stores("columns to sum", values, self.storage)?,
            int(self.rows),
            int(self.columns),
            int(self.pitch),
            int(stretch),
            flag(add),
        ];
        let run = 16 / self.storage.bytes();
        let whole = self.columns.is_multiple_of(run) && self.pitch.is_multiple_of(run);
        let across = if whole { 32 * run } else { 32 };
        let grid = [self.columns.div_ceil(across).max(1) as u32, stretches as u32, 1];
        let kernel = STAGE[usize::from(!whole)].of(self.storage);
        // SAFETY: the spans were checked to hold rows, columns and sums.
        unsafe { pool.queue().launch(kernel, Launch { grid, threads: 256 }, &args) }
    }
}

/// One array of partial sums whose columns are to be summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    from: u64,
    to: u64,
    rows: usize,
    columns: usize,
    pitch: usize,
    add: bool,
}

impl Part {
    /// As the device reads it.
    fn encode(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&self.from.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.to.to_le_bytes());
        let words = [self.rows as u32, self.columns as u32, self.pitch as u32, u32::from(self.add)];
        bytes[16..].chunks_exact_mut(4).zip(words).for_each(|(to, w)| to.copy_from_slice(&w.to_le_bytes()));
        bytes
    }
}

/// Partial sums that wait for their last stage. They keep their memory from one round of equal requests to the next,
/// so the table that the launch reads is written in the first round alone, and later rounds can be captured.
///
/// Whoever owns it sees to it that what sums go to lives until [`Gathered::finish`].
#[derive(Debug, Default)]
pub(super) struct Gathered {
    rooms: Vec<Block>,
    used: usize,
    waiting: Vec<Part>,
    /// What each launch of a round reads, as it was written.
    tables: Vec<(Vec<u8>, Block)>,
    launches: usize,
}

impl Gathered {
    /// Begins a new round; what waits is forgotten.
    pub(super) fn clear(&mut self) {
        (self.used, self.launches) = (0, 0);
        self.waiting.clear();
    }

    /// Room for `rows` rows of partial sums, whose columns belong to several places side by side.
    pub(super) fn room(
        &mut self,
        pool: &Pool,
        rows: usize,
        places: &[(Sums<'_>, usize)],
    ) -> Result<Span<'_>, GpuError> {
        let twice = |(sums, _): &(Sums<'_>, usize)| self.waiting.iter().any(|p| p.to == sums.to.address());
        if places.iter().any(twice) {
            // What goes onto a sum waits for it.
            self.finish(pool)?;
        }
        let pitch = places.iter().map(|(_, columns)| columns).sum::<usize>();
        let bytes = 4 * rows * pitch;
        match self.rooms.get(self.used) {
            Some(room) if room.span().bytes() == bytes => {}
            Some(_) => self.rooms[self.used] = pool.fresh(bytes)?,
            None => self.rooms.push(pool.fresh(bytes)?),
        }
        let room = self.rooms[self.used].span();
        self.used += 1;
        let mut from = room.address();
        for (Sums { to, add }, columns) in places {
            let _ = to.stores("sums of columns", *columns, Storage::F32)?;
            self.waiting.push(Part { from, to: to.address(), rows, columns: *columns, pitch, add: *add });
            from += 4 * *columns as u64;
        }
        Ok(room)
    }

    /// Sums all that waits.
    pub(super) fn finish(&mut self, pool: &Pool) -> Result<(), GpuError> {
        let Some(widest) = self.waiting.iter().map(|part| part.columns).max() else { return Ok(()) };
        let bytes: Vec<u8> = self.waiting.iter().flat_map(Part::encode).collect();
        match self.tables.get(self.launches) {
            Some((written, _)) if *written == bytes => {}
            found => {
                let table = pool.fresh(bytes.len())?;
                pool.queue().write(table.span(), &bytes)?;
                match found {
                    Some(_) => self.tables[self.launches] = (bytes, table),
                    None => self.tables.push((bytes, table)),
                }
            }
        }
        let grid = [widest.div_ceil(32) as u32, self.waiting.len() as u32, 1];
        let table = self.tables[self.launches].1.span();
        self.launches += 1;
        self.waiting.clear();
        let kernel = Kernel { source: COLUMNS, entry: "gather_columns" };
        // SAFETY: the rooms hold what the table says and are kept; who owns this keeps the sums' places.
        unsafe { pool.queue().launch(kernel, Launch { grid, threads: 1024 }, &[Arg::Memory(table)]) }
    }
}
