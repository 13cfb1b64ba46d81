//! Inner products in f64 of f32 values, of which one side comes in pieces.

/// Lanes of a sum.
pub(crate) const LANES: usize = 8;

/// Values that are brought together before they are multiplied.
const HELD: usize = 1024;

/// An inner product whose second operand comes in pieces. The sum does not depend on where they are cut.
pub(crate) struct Dot<'a> {
    /// What has not been multiplied yet.
    a: &'a [f32],
    /// The pieces since the last multiplication: fewer values than `HELD`, in twice as much room.
    held: Vec<f32>,
    len: usize,
    lanes: [f64; LANES],
}

impl<'a> Dot<'a> {
    pub(crate) fn new(a: &'a [f32]) -> Self {
        Self { a, held: vec![0.0; 2 * HELD], len: 0, lanes: [0.0; LANES] }
    }

    pub(crate) fn add(&mut self, b: &[f32]) {
        for b in b.chunks(HELD) {
            self.held[self.len..][..b.len()].copy_from_slice(b);
            self.count(b.len());
        }
    }

    /// Pieces of `N` values, at most `HELD`, of a slice.
    pub(crate) fn add_small<const N: usize>(&mut self, b: &[f32], pieces: impl Iterator<Item = usize>) {
        for at in pieces {
            let piece: Option<&[f32; N]> = b[at..].first_chunk();
            let room: Option<&mut [f32; N]> = self.held[self.len..].first_chunk_mut();
            if let Some((room, piece)) = room.zip(piece) {
                *room = *piece;
            }
            self.count(N);
        }
    }

    /// Counts values that were added and multiplies when there are enough.
    fn count(&mut self, added: usize) {
        self.len += added;
        if self.len >= HELD {
            let (whole, rest) = self.held[..self.len].as_chunks::<LANES>();
            let (a, later) = self.a.split_at(whole.as_flattened().len().min(self.a.len()));
            for (a, b) in a.as_chunks::<LANES>().0.iter().zip(whole) {
                (0..LANES).for_each(|l| self.lanes[l] += f64::from(a[l]) * f64::from(b[l]));
            }
            let (done, rest) = (whole.as_flattened().len(), rest.len());
            self.a = later;
            self.held.copy_within(done..done + rest, 0);
            self.len = rest;
        }
    }

    pub(crate) fn sum(self) -> f64 {
        let ((a8, a1), (b8, b1)) = (self.a.as_chunks::<LANES>(), self.held[..self.len].as_chunks::<LANES>());
        let mut lanes = self.lanes;
        for (a, b) in a8.iter().zip(b8) {
            (0..LANES).for_each(|l| lanes[l] += f64::from(a[l]) * f64::from(b[l]));
        }
        let rest = a1.iter().zip(b1).map(|(&a, &b)| f64::from(a) * f64::from(b));
        lanes.iter().sum::<f64>() + rest.sum::<f64>()
    }
}
