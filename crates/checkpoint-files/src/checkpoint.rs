//! A network from a file and into one: weights as `f32`, everything else carried along.

use crate::formats::{Format, format};
use crate::layout::{Layout, Stored};
use crate::names::{common, listed, shown, wrappers};
use crate::reading::{Opened, open_network};
use crate::safetensors::{decode, leave};
use crate::source::PLACES;
use crate::strays::stray;
use crate::tensor::{Raw, count};
use crate::torch::{decode_archive, decode_legacy};
use crate::{Element, FileError, Problem, Tensor};
use basin_core::{Array, Params};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

/// What the order of a network's parameters says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileOrder {
    /// The order of the dictionary that was saved: that of the modules in the network's code, as a rule.
    Kept,
    /// By name, as safetensors stores them: it says nothing.
    #[default]
    Sorted,
}

/// A network as it was in a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checkpoint {
    /// The weights as `f32`: all floating-point tensors but those in `kept`.
    pub params: Params,
    /// What the order of `params` says.
    pub order: FileOrder,
    /// Tensors that are not weights, as they were: integers such as `num_batches_tracked`, single numbers, empty
    /// tensors, counts such as `total_ops`, mean and deviation of the inputs, views that show one number throughout.
    /// No permutation of units changes them.
    pub kept: BTreeMap<String, Tensor>,
    /// Element types in the file, of all tensors.
    pub elements: BTreeMap<String, Element>,
    /// What was done to read it: conversions, prefixes taken off, entries left out. For the user's eyes; names in
    /// it are escaped.
    pub notes: Vec<String>,
}

impl Checkpoint {
    /// Reads safetensors, or a state dict that PyTorch saved, told apart by their content.
    ///
    /// A state dict may lie under `state_dict`, `model_state_dict`, `model` and the like, or under any key when
    /// there is only one. Prefixes of wrappers, such as `module.`, that all weights share are taken off. Nothing in
    /// the file is executed.
    ///
    /// Memory: at most about 20 times the file's size, for files without shared storages 3 times, for safetensors in `f32`
    /// little more than once.
    ///
    /// # Errors
    /// [`FileError`] with the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        Self::read_key(path, None)
    }

    /// [`Checkpoint::read`] for a file of several networks: the one under `key`, which may be keys with dots between
    /// them, the place in a tuple, or the beginning of the tensors' names.
    ///
    /// # Errors
    /// [`FileError`] with the file and what is wrong with it; [`Problem::NoKey`] lists the keys there are.
    pub fn read_key(path: &Path, key: Option<&str>) -> Result<Self, FileError> {
        let read = || -> Result<Self, Problem> {
            let opened = open_network(path)?;
            if PLACES
                && matches!(format(&opened.start), Ok(Format::Safetensors))
                && let Some(tensors) = leave(&opened.file, opened.len)
            {
                return Self::of_safetensors(tensors, key);
            }
            Self::decode_key(&opened.rest()?, key)
        };
        read().map_err(FileError::of(path))
    }

    /// The bytes of a file that begins like a network, for [`Checkpoint::decode`]: it is looked at before it is read, so
    /// that pipes, folders and sizes out of reason cost nothing.
    ///
    /// # Errors
    /// [`FileError`] with the file and what is wrong with it.
    pub fn bytes(path: &Path) -> Result<Vec<u8>, FileError> {
        open_network(path).and_then(Opened::rest).map_err(FileError::of(path))
    }

    /// [`Checkpoint::read`] for bytes.
    ///
    /// # Errors
    /// [`Problem`] says what is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        Self::decode_key(bytes, None)
    }

    /// [`Checkpoint::read_key`] for bytes.
    ///
    /// # Errors
    /// [`Problem`] says what is wrong with them.
    pub fn decode_key(bytes: &[u8], key: Option<&str>) -> Result<Self, Problem> {
        let mut notes = Vec::new();
        let (found, order) = match format(bytes)? {
            Format::Safetensors => return Self::of_safetensors(decode(bytes)?, key),
            Format::Archive => (decode_archive(bytes, key, &mut notes)?, FileOrder::Kept),
            Format::Legacy => (decode_legacy(bytes, key, &mut notes)?, FileOrder::Kept),
        };
        Self::of_tensors(found.tensors, order, found.lightning, notes)
    }

    fn of_safetensors(tensors: Vec<(String, Raw<'_>)>, key: Option<&str>) -> Result<Self, Problem> {
        let mut notes = Vec::new();
        let tensors = under(tensors, key, &mut notes)?;
        Self::of_tensors(tensors, FileOrder::Sorted, false, notes)
    }

    fn of_tensors(
        tensors: Vec<(String, Raw<'_>)>,
        order: FileOrder,
        lightning: bool,
        notes: Vec<String>,
    ) -> Result<Self, Problem> {
        if tensors.is_empty() {
            return Err(Problem::NoTensors { found: "found none".into() });
        }
        let checkpoint = Self::assemble(tensors, order, notes)?;
        let prefix = wrappers(checkpoint.params.iter().map(|(name, _)| name), lightning);
        Ok(if prefix.is_empty() { checkpoint } else { checkpoint.without_prefix(&prefix) })
    }

    fn assemble(
        tensors: Vec<(String, Raw<'_>)>,
        order: FileOrder,
        notes: Vec<String>,
    ) -> Result<Self, Problem> {
        let names: BTreeSet<String> = tensors.iter().map(|(name, _)| name.clone()).collect();
        let convert = |(name, raw): (String, Raw<'_>)| -> Result<(String, Element, Role), Problem> {
            let element = raw.element;
            let why = element.is_float().then(|| stray(&name, &raw, |other| names.contains(other))).flatten();
            if why.is_some() || !element.is_float() {
                return Ok((name, element, Role::Kept(raw.into_tensor()?, why)));
            }
            let values = raw.source.to_f32(element)?.unwrap_or_default();
            let array = Array::new(raw.shape, values)
                .map_err(|e| Problem::Tensor { name: name.clone(), reason: e.to_string() })?;
            Ok((name, element, Role::Weights(array)))
        };
        let converted: Vec<_> = tensors.into_par_iter().map(convert).collect::<Result<_, _>>()?;
        let mut checkpoint = Self { order, notes, ..Self::default() };
        let mut counts: BTreeMap<Element, usize> = BTreeMap::new();
        let (mut arrays, mut kept) = (Vec::new(), Vec::new());
        for (name, element, role) in converted {
            checkpoint.elements.insert(name.clone(), element);
            match role {
                Role::Weights(array) => {
                    *counts.entry(element).or_default() += 1;
                    arrays.push((name, array));
                }
                Role::Kept(tensor, why) => {
                    kept.push(why.map_or_else(|| shown(&name), |why| format!("{} ({why})", shown(&name))));
                    checkpoint.kept.insert(name, tensor);
                }
            }
        }
        checkpoint.params = arrays.into_iter().collect();
        counts.remove(&Element::F32);
        let told = |(element, n): (&Element, &usize)| {
            let tensors = if *n == 1 { "tensor" } else { "tensors" };
            format!("converted {n} {tensors} from {} to f32", element.name())
        };
        checkpoint.notes.extend(counts.iter().map(told));
        if !kept.is_empty() {
            let all = listed(&kept, 6);
            checkpoint.notes.push(match kept.len() {
                1 => format!("1 tensor is not a weight and stays as it is: {all}"),
                n => format!("{n} tensors are not weights and stay as they are: {all}"),
            });
        }
        Ok(checkpoint)
    }

    /// Prefixes up to a dot that all weights share, the shortest first: what [`Checkpoint::without_prefix`] may take
    /// off where a spec fits without it.
    pub fn common_prefixes(&self) -> Vec<String> {
        common(self.params.iter().map(|(name, _)| name))
    }

    /// The network with a prefix taken off all names that have it, with a note. Of tensors that are not weights, those
    /// whose name would then be taken keep theirs.
    #[must_use]
    pub fn without_prefix(mut self, prefix: &str) -> Self {
        let short =
            |name: &str| name.strip_prefix(prefix).filter(|rest| !rest.is_empty()).unwrap_or(name).to_owned();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        let mut taken = BTreeSet::new();
        let (weights, others) =
            (self.params.iter().map(|(name, _)| name), self.kept.keys().map(String::as_str));
        for name in weights.chain(others) {
            let new = if taken.contains(&short(name)) { name.to_owned() } else { short(name) };
            taken.insert(new.clone());
            names.insert(name.to_owned(), new);
        }
        let renamed = |name: String| names.get(&name).cloned().unwrap_or(name);
        let count = names.iter().filter(|(old, new)| old != new).count();
        self.params = self.params.into_iter().map(|(name, array)| (renamed(name), array)).collect();
        self.kept = std::mem::take(&mut self.kept).into_iter().map(|(name, x)| (renamed(name), x)).collect();
        self.elements =
            std::mem::take(&mut self.elements).into_iter().map(|(name, x)| (renamed(name), x)).collect();
        let all = if count == names.len() { "all " } else { "" };
        self.notes.push(format!("took the prefix {} off {all}{count} names", shown(prefix)));
        self
    }

    /// The same network with its weights in the order of another of the same names, and what that order says.
    /// Names that the other does not have come last.
    #[must_use]
    pub fn in_order_of(mut self, other: &Self) -> Self {
        let places: BTreeMap<&str, usize> = other.params.iter().map(|(name, _)| name).zip(0..).collect();
        let mut entries: Vec<(String, Array)> = self.params.into_iter().collect();
        entries.sort_by_key(|(name, _)| places.get(name.as_str()).copied().unwrap_or(usize::MAX));
        self.params = entries.into_iter().collect();
        self.order = other.order;
        self
    }

    /// Takes tensors out of `kept` that are weights after all because a spec describes them.
    pub fn count_as_weights<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            if let Some(array) = self.kept.get(name).and_then(Tensor::to_array) {
                self.kept.remove(name);
                self.params.insert(name, array);
            }
        }
    }

    /// Safetensors bytes of these parameters together with the tensors that `kept` carries along. The same
    /// content gives the same bytes.
    ///
    /// # Errors
    /// [`Problem::Tensor`] when an array's shape is out of all proportion.
    pub fn encode(params: &Params, kept: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, Problem> {
        Ok(Encoding::new(params, kept)?.0.bytes())
    }
}

/// A network on its way into a safetensors file, for writing it without a copy in memory.
#[derive(Clone, Debug)]
pub struct Encoding<'a>(Layout<'a>);

impl<'a> Encoding<'a> {
    /// The bytes of [`Checkpoint::encode`], not yet made.
    ///
    /// # Errors
    /// [`Problem::Tensor`] when an array's shape is out of all proportion.
    pub fn new(params: &'a Params, kept: &'a BTreeMap<String, Tensor>) -> Result<Self, Problem> {
        let mut tensors: BTreeMap<&str, Stored<'_>> = BTreeMap::new();
        tensors.extend(kept.iter().map(|(name, tensor)| (name.as_str(), Stored::Tensor(tensor))));
        for (name, array) in params.iter() {
            count(name, array.shape())?;
            tensors.insert(name, Stored::Weights(array));
        }
        Ok(Self(Layout::new(tensors, ("format", "pt"))))
    }

    /// Writes all bytes, a little at a time.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.0.write(to)
    }
}

/// What a tensor of a file is.
enum Role {
    Weights(Array),
    /// Carried along, with the reason where it is a floating-point tensor.
    Kept(Tensor, Option<&'static str>),
}

/// Of tensors that stand beside each other, those whose names begin with the key, without it.
fn under<'a>(
    tensors: Vec<(String, Raw<'a>)>,
    key: Option<&str>,
    notes: &mut Vec<String>,
) -> Result<Vec<(String, Raw<'a>)>, Problem> {
    let Some(key) = key else { return Ok(tensors) };
    let prefix = format!("{key}.");
    let starts: BTreeSet<&str> =
        tensors.iter().filter_map(|(name, _)| Some(name.split_once('.')?.0)).collect();
    let starts: Vec<String> = starts.into_iter().map(shown).collect();
    let own = |(name, raw): (String, Raw<'a>)| {
        let rest = name.strip_prefix(&prefix).filter(|rest| !rest.is_empty())?.to_owned();
        Some((rest, raw))
    };
    let found: Vec<(String, Raw<'a>)> = tensors.into_iter().filter_map(own).collect();
    if found.is_empty() {
        return Err(Problem::NoKey { key: key.to_owned(), found: starts });
    }
    notes.push(format!("took the {} tensors whose names begin with {}", found.len(), shown(&prefix)));
    Ok(found)
}
