//! Kernel sources as libraries of the host, compiled once and kept by the hash of their text.

use super::super::sources::Source;
use super::super::{GpuError, Kernel, Launch};
use libloading::{Library, Symbol};
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

const HEADER: &str = include_str!("emulator.h");
/// Products and sums are rounded one by one; nothing but the entries is seen from outside.
const FLAGS: &[&str] = &[
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-shared",
    "-fno-strict-aliasing",
    "-ffp-contract=off",
    "-fvisibility=hidden",
    "-U_FORTIFY_SOURCE",
];

/// Fibres and shared memory of a library are its static memory, and one process loads it once: one launch at a
/// time.
static ONE_LAUNCH: Mutex<()> = Mutex::new(());

/// In which order threads and blocks get their turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// From the first to the last.
    Rising,
    /// From the last to the first.
    Falling,
    /// As drawn with a seed, the threads' anew for every turn.
    Drawn(u16),
}

impl Order {
    /// As [`emulator.h`] reads it.
    fn word(self) -> u32 {
        match self {
            Self::Rising => 0,
            Self::Falling => 1,
            Self::Drawn(seed) => 2 + u32::from(seed),
        }
    }
}

/// What [`emulator.h`] makes of a kernel.
type Entry = unsafe extern "C" fn(*const u32, u32, *const u64, u32, u32) -> i32;

/// The compiled sources.
#[derive(Debug)]
pub(super) struct Libraries {
    folder: PathBuf,
    loaded: Mutex<BTreeMap<&'static str, Library>>,
}

impl Libraries {
    pub(super) fn new(folder: &Path) -> Result<Self, GpuError> {
        std::fs::create_dir_all(folder).map_err(|e| compiler(format!("{}: {e}", folder.display())))?;
        Ok(Self { folder: folder.to_owned(), loaded: Mutex::default() })
    }

    pub(super) fn run(
        &self,
        kernel: Kernel,
        launch: Launch,
        words: &[u64],
        order: Order,
    ) -> Result<(), GpuError> {
        let fail = |found: String| GpuError::Launch { kernel: kernel.entry.into(), found };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if !loaded.contains_key(kernel.source.name) {
            let path = self.compile(kernel.source)?;
            // SAFETY: the library is made of our own text and runs nothing when it is loaded.
            let library = unsafe { Library::new(&path) }.map_err(|e| compiler(e.to_string()))?;
            loaded.insert(kernel.source.name, library);
        }
        let library = &loaded[kernel.source.name];
        // SAFETY: `EMULATE` declares every entry with this type.
        let entry: Symbol<'_, Entry> =
            unsafe { library.get(format!("emulate_{}", kernel.entry)) }.map_err(|e| fail(e.to_string()))?;
        let _turn = ONE_LAUNCH.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the caller of `Queue::launch` vouches for the arguments; their number is checked there.
        let code = unsafe {
            entry(launch.grid.as_ptr(), launch.threads, words.as_ptr(), words.len() as u32, order.word())
        };
        match code {
            0 => Ok(()),
            1 => Err(fail(format!("threads wait for each other for ever, in {launch:?}"))),
            2 => Err(fail(format!("{launch:?} is not a geometry"))),
            _ => Err(fail(format!("{} arguments are not as many as it has", words.len()))),
        }
    }

    /// The library of a source, made where it is not there yet.
    fn compile(&self, source: Source) -> Result<PathBuf, GpuError> {
        let entries: String = source.entries().map(|name| format!("EMULATE({name})\n")).collect();
        let text = format!("{HEADER}\n{}\n{entries}", source.program());
        let mut hasher = DefaultHasher::new();
        (&text, FLAGS).hash(&mut hasher);
        let stem = format!("{}-{:016x}", source.name, hasher.finish());
        let path = self.folder.join(format!("{stem}.so"));
        if path.exists() {
            return Ok(path);
        }
        // Written beside and renamed, so that nobody loads half a library.
        let thread = format!("{:?}", std::thread::current().id()).replace(['(', ')'], "");
        let mine = format!("{stem}-{}-{thread}", std::process::id());
        let (input, output) =
            (self.folder.join(format!("{mine}.cc")), self.folder.join(format!("{mine}.so")));
        let failed = |what: &str, e: std::io::Error| compiler(format!("{what}: {e}"));
        std::fs::write(&input, text).map_err(|e| failed("the source", e))?;
        let program = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
        let run = Command::new(&program).args(FLAGS).arg(&input).arg("-o").arg(&output).output();
        let run = run.map_err(|e| failed("a C++ compiler (c++, or that of CXX)", e))?;
        if !run.status.success() {
            return Err(GpuError::Compile {
                source_name: source.name.into(),
                target: "the host".into(),
                log: String::from_utf8_lossy(&run.stderr).into_owned(),
            });
        }
        std::fs::rename(&output, &path).map_err(|e| failed("the library", e))?;
        let _ = std::fs::remove_file(&input);
        Ok(path)
    }
}

fn compiler(found: String) -> GpuError {
    GpuError::Library { library: "the emulator's C++ compiler".into(), found }
}
