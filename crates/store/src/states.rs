//! Rolling states of a node that is being computed: the last two, so that a bad one costs an interval.

use crate::atomic::remove_if_there;
use crate::sealed::{self, Sealed};
use crate::{NodeDir, StoreError, names};
use std::collections::BTreeSet;
use std::io;

/// A state that was found: the step, the bytes, and a note on each newer state that was passed over.
pub type LoadedState = (u64, Vec<u8>, Vec<String>);

const EXTENSION: &str = ".safetensors";

fn file_name(step: u64) -> String {
    format!("{}{step:012}{EXTENSION}", names::STATE)
}

/// The step in the name of a state or of its seal; no other name has one.
fn step_of(name: &str) -> Option<u64> {
    let state = name.strip_suffix(names::SEAL).unwrap_or(name);
    let step = state.strip_prefix(names::STATE)?.strip_suffix(EXTENSION)?.parse().ok()?;
    (file_name(step) == state).then_some(step)
}

impl NodeDir {
    /// Saves the state after `step` steps as `state-<step>.safetensors`, sealed, and makes it the newest:
    /// when it is on the disk, all others go but the newest valid one before it. States after it, left by
    /// a run that had come further before it fell back, go too. Costs four flushes and reading one state.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Finished`], [`StoreError::Io`]; the states from before are
    /// still there unless only their removal failed.
    pub fn save_state(&self, step: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.prepare()?;
        sealed::write(self.fs(), self.path(), &file_name(step), None, bytes)?;
        let steps = self.state_steps()?;
        let mut fallback = None;
        for &older in steps.range(..step).rev() {
            if let Sealed::Whole(_) = sealed::read(self.fs(), self.path(), &file_name(older), None)? {
                fallback = Some(older);
                break;
            }
        }
        let obsolete = steps.into_iter().filter(|&s| s != step && Some(s) != fallback);
        obsolete.into_iter().try_for_each(|s| self.remove_state(s))
    }

    /// The newest valid state: its step, its bytes, and a note for the user on each newer one that was
    /// passed over. Newest means the highest step; times of files do not count.
    /// When this is `None`, [`broken_states`](Self::broken_states) tells whether there were any.
    ///
    /// # Errors
    /// [`StoreError::Io`] when a state cannot be read. A torn or flipped state is not an error.
    pub fn load_state(&self) -> Result<Option<LoadedState>, StoreError> {
        let mut notes = Vec::new();
        let state = self.newest_valid_state(&mut notes)?;
        Ok(state.map(|(step, bytes)| (step, bytes, notes)))
    }

    /// The notes of [`load_state`](Self::load_state), also when there is no valid state at all: why a
    /// computation that had come far begins again.
    ///
    /// # Errors
    /// As [`load_state`](Self::load_state).
    pub fn broken_states(&self) -> Result<Vec<String>, StoreError> {
        let mut notes = Vec::new();
        self.newest_valid_state(&mut notes)?;
        Ok(notes)
    }

    /// Removes all states, for a node that is finished and needs none.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`], [`StoreError::Io`].
    pub fn clear_states(&self) -> Result<(), StoreError> {
        self.check_writable()?;
        self.state_steps()?.into_iter().try_for_each(|step| self.remove_state(step))
    }

    fn newest_valid_state(&self, notes: &mut Vec<String>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
        for step in self.state_steps()?.into_iter().rev() {
            let file = file_name(step);
            match sealed::read(self.fs(), self.path(), &file, None)? {
                Sealed::Whole(bytes) => return Ok(Some((step, bytes))),
                Sealed::Broken(why) => notes.push(format!("{file} passed over: it {why}")),
                Sealed::Absent => {}
            }
        }
        Ok(None)
    }

    /// The steps of which a state or a seal is there.
    fn state_steps(&self) -> Result<BTreeSet<u64>, StoreError> {
        match self.fs().list(self.path()) {
            Ok(entries) => Ok(entries.iter().filter_map(|entry| step_of(&entry.name)).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(StoreError::io("list", self.path())(error)),
        }
    }

    /// The content goes first: a seal alone is harmless, content alone would be told as broken.
    fn remove_state(&self, step: u64) -> Result<(), StoreError> {
        let file = file_name(step);
        remove_if_there(self.fs(), &self.path().join(&file))?;
        remove_if_there(self.fs(), &sealed::seal_path(self.path(), &file))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_read_back_from_its_name_and_from_no_other() {
        for step in [0, 7, 123_456_789_012, 9_999_999_999_999, u64::MAX] {
            assert_eq!(step_of(&file_name(step)), Some(step));
            assert_eq!(step_of(&(file_name(step) + ".sha256")), Some(step));
        }
        for name in ["state-1.safetensors", "state-+00000000001.safetensors", "state-.safetensors", "DONE"] {
            assert_eq!(step_of(name), None, "{name}");
        }
    }
}
