//! The house rules that a machine can check, each with the reason it gives when broken.

use basin_core::warn;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// For each crate, the crates of this workspace it may depend on (development dependencies are free).
const ARROWS: &[(&str, &[&str])] = &[
    (
        "basin-bench",
        &[
            "basin-candle",
            "basin-core",
            "basin-cuda",
            "basin-data",
            "basin-ensemble",
            "basin-gpu",
            "basin-graph",
            "basin-kernels",
            "basin-models",
            "basin-probes",
            "basin-reproduce",
            "basin-store",
            "basin-train",
        ],
    ),
    (
        "basin-cli",
        &["basin-bench", "basin-core", "basin-data", "basin-fetch", "basin-papers", "basin-reproduce"],
    ),
    (
        "basin-candle",
        &[
            "basin-core",
            "basin-cuda",
            "basin-data",
            "basin-gpu",
            "basin-graph",
            "basin-kernels",
            "basin-models",
            "basin-train",
        ],
    ),
    (
        "basin-config",
        &[
            "basin-candle",
            "basin-core",
            "basin-data",
            "basin-gpu",
            "basin-metrics",
            "basin-models",
            "basin-papers",
            "weight-matching",
        ],
    ),
    ("basin-cluster", &["basin-core"]),
    ("basin-core", &[]),
    ("basin-data", &["basin-core"]),
    ("basin-ensemble", &["basin-core"]),
    ("basin-fetch", &["basin-core", "basin-store"]),
    ("basin-kernels", &["basin-core"]),
    ("basin-graph", &["basin-kernels"]),
    ("basin-gpu", &["basin-core", "basin-graph", "basin-kernels"]),
    ("basin-cuda", &["basin-gpu", "basin-kernels"]),
    ("basin-metrics", &["basin-core"]),
    ("basin-methods", &["basin-core", "basin-ensemble", "weight-matching"]),
    ("basin-models", &["basin-core", "basin-graph", "basin-kernels", "weight-matching"]),
    ("basin-probes", &["basin-core", "basin-ensemble", "basin-metrics"]),
    ("basin-papers", &["basin-core", "basin-metrics"]),
    ("basin-paper-data-shift", &["basin-core", "basin-papers"]),
    ("basin-paper-everything", &["basin-core", "basin-papers"]),
    ("basin-paper-loss-landscape", &["basin-core", "basin-papers"]),
    ("basin-paper-single-basin", &["basin-core", "basin-papers"]),
    ("basin-paper-transfer", &["basin-core", "basin-papers"]),
    ("basin-plot", &["basin-core"]),
    ("basin-report", &["basin-core", "basin-metrics", "basin-papers", "basin-plot", "basin-results"]),
    ("basin-results", &["basin-core", "basin-metrics", "basin-papers"]),
    ("basin-store", &["basin-core"]),
    (
        "basin-train",
        &[
            "basin-core",
            "basin-data",
            "basin-ensemble",
            "basin-gpu",
            "basin-graph",
            "basin-kernels",
            "basin-models",
        ],
    ),
    ("basin-views", &["basin-core", "basin-data"]),
    ("permutation-spec", &["basin-core"]),
    ("network-recognition", &["basin-core", "permutation-spec"]),
    ("checkpoint-files", &["basin-core", "permutation-spec"]),
    ("weight-matching", &["basin-core", "checkpoint-files", "network-recognition", "permutation-spec"]),
    ("weight-matching-cli", &["basin-core", "basin-store", "weight-matching"]),
    (
        "basin-exit",
        &[
            "basin-cluster",
            "basin-config",
            "basin-core",
            "basin-data",
            "basin-ensemble",
            "basin-fetch",
            "basin-gpu",
            "basin-models",
            "basin-store",
            "basin-train",
            "weight-matching",
        ],
    ),
    (
        "basin-plan",
        &[
            "basin-config",
            "basin-core",
            "basin-data",
            "basin-ensemble",
            "basin-exit",
            "basin-methods",
            "basin-metrics",
            "basin-models",
            "basin-paper-data-shift",
            "basin-paper-everything",
            "basin-paper-loss-landscape",
            "basin-paper-single-basin",
            "basin-paper-transfer",
            "basin-papers",
            "basin-probes",
            "basin-store",
            "basin-train",
            "basin-views",
            "weight-matching",
        ],
    ),
    (
        "basin-reproduce",
        &[
            "basin-candle",
            "basin-cluster",
            "basin-config",
            "basin-core",
            "basin-cuda",
            "basin-data",
            "basin-ensemble",
            "basin-exit",
            "basin-gpu",
            "basin-metrics",
            "basin-models",
            "basin-papers",
            "basin-plan",
            "basin-probes",
            "basin-report",
            "basin-results",
            "basin-store",
            "basin-train",
            "basin-views",
            "weight-matching",
        ],
    ),
    ("basin-fixtures", &[]),
    ("basin-one-dependency", &["weight-matching"]),
    ("basin-tests", &[]),
    (
        "xtask",
        &[
            "basin-core",
            "basin-papers",
            "basin-paper-data-shift",
            "basin-paper-loss-landscape",
            "basin-paper-single-basin",
            "basin-paper-transfer",
            "basin-report",
            "basin-results",
        ],
    ),
];

/// Crates in which the tensor framework may appear.
const FRAMEWORK: &[&str] = &[
    "basin-kernels",
    "basin-graph",
    "basin-gpu",
    "basin-cuda",
    "basin-candle",
    "basin-models",
    "basin-train",
    "basin-exit",
    "basin-plan",
    "basin-reproduce",
];

/// Crates that speak to the network, and the one that may use them.
const NETWORK: &[&str] = &["curl", "hyper", "reqwest", "ureq"];
const FETCHES: &str = "basin-fetch";

/// Crates that may have it as an optional dependency, off by default: conversions at the edge.
const FRAMEWORK_ON_REQUEST: &[&str] = &["weight-matching"];

/// Features of a crate that its users take without the dependencies of others of its features.
const LIGHT: &[(&str, &str, &[&str])] = &[("weight-matching", "files", &["candle-core", "permutation-spec"])];

/// How a file begins to say that its macros may print; in two pieces, so that this one does not.
const PRINTS: &str = concat!("clippy::", "print_std");

/// Longest file without a word of excuse, in lines.
const LONGEST: usize = 400;

/// Runs all rules and prints what is broken.
pub(crate) fn run() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut broken = Vec::new();
    arrows(&root, &mut broken);
    sources(&root, &mut broken);
    toolchain(&root, &mut broken);
    for (folder, own) in BESIDE {
        lock_beside(&root, folder, own, &mut broken);
    }
    broken.extend(crate::readme::check().err().map(|problem| format!("README.md: {problem}")));
    broken.extend(crate::claims::check().err().map(|problem| format!("docs/claims.md: {problem}")));
    for problem in &broken {
        warn(&format!("tidy: {problem}"));
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) }
}

/// Dependencies against the table, from `cargo metadata`.
fn arrows(root: &Path, broken: &mut Vec<String>) {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(program)
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(root)
        .output();
    let metadata: Value = match output.map(|o| serde_json::from_slice(&o.stdout)) {
        Ok(Ok(metadata)) => metadata,
        other => return broken.push(format!("cargo metadata failed: {other:?}")),
    };
    let allowed: BTreeMap<_, _> = ARROWS.iter().copied().collect();
    let empty = Vec::new();
    for package in metadata["packages"].as_array().unwrap_or(&empty) {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(targets) = allowed.get(name) else {
            broken.push(format!("crate {name} has no line in the table of arrows (xtask/src/tidy.rs)"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap_or(&empty) {
            let target = dependency["name"].as_str().unwrap_or_default();
            if dependency["kind"].as_str() == Some("dev") {
                continue;
            }
            if allowed.contains_key(target) && !targets.contains(&target) {
                broken.push(format!("{name} depends on {target}, which is not an arrow of the house"));
            }
            let on_request = dependency["optional"].as_bool() == Some(true)
                && FRAMEWORK_ON_REQUEST.contains(&name)
                && !reaches(package, "default", target);
            if target.starts_with("candle") && !FRAMEWORK.contains(&name) && !on_request {
                broken.push(format!("{name} depends on {target}; only {} may", FRAMEWORK.join(", ")));
            }
            if NETWORK.contains(&target) && name != FETCHES {
                broken.push(format!("{name} depends on {target}; only {FETCHES} may touch the network"));
            }
        }
        for (_, feature, unwanted) in LIGHT.iter().filter(|(light, ..)| *light == name) {
            for dependency in unwanted.iter().filter(|dependency| reaches(package, feature, dependency)) {
                broken.push(format!(
                    "{name} brings {dependency} with its feature {feature}, which is to stay light"
                ));
            }
        }
        crate::packages::complete(package, broken);
        let manifest =
            fs::read_to_string(package["manifest_path"].as_str().unwrap_or_default()).unwrap_or_default();
        if !manifest.contains("[lints") {
            broken.push(format!("{name} does not take part in the workspace's lints"));
        }
    }
}

/// Workspaces beside this one, each with the packages that it alone takes from outside.
const BESIDE: &[(&str, &[&str])] =
    &[("examples", &[]), ("fuzz", &["arbitrary", "cap", "jobserver", "libfuzzer-sys"])];

/// A workspace beside this one has a lock file, so that its programs are the same tomorrow: up to date, and with this workspace's
/// versions, so that nothing compiles twice.
fn lock_beside(root: &Path, folder: &str, own: &[&str], broken: &mut Vec<String>) {
    let packages = |file: &str| -> Vec<String> {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        let packages = text.split("[[package]]").skip(1).filter(|package| package.contains("source = "));
        packages.map(|p| p.lines().skip(1).take(2).collect::<Vec<_>>().join(" ")).collect()
    };
    let again = format!("`cargo metadata --offline --manifest-path {folder}/Cargo.toml`");
    let (ours, locked) = (packages("Cargo.lock"), packages(&format!("{folder}/Cargo.lock")));
    let is_own = |package: &str| own.iter().any(|name| package.starts_with(&format!("name = \"{name}\" ")));
    for package in locked.iter().filter(|package| !ours.contains(package) && !is_own(package)) {
        broken.push(format!(
            "{folder}/Cargo.lock has {package}, which Cargo.lock has not: copy Cargo.lock over it, then {again}"
        ));
    }
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let read = Command::new(program)
        .args(["metadata", "--locked", "--format-version=1", "--manifest-path"])
        .arg(root.join(folder).join("Cargo.toml"))
        .output();
    if locked.is_empty() || !read.is_ok_and(|output| output.status.success()) {
        broken.push(format!("{folder}/Cargo.lock is missing or not up to date: {again}"));
    }
}

/// Whether a feature of a package reaches an optional dependency.
fn reaches(package: &Value, feature: &str, dependency: &str) -> bool {
    let features = &package["features"];
    let mut reached = vec![feature.to_owned()];
    let mut at = 0;
    while at < reached.len() {
        let implied = features[&reached[at]].as_array().into_iter().flatten().filter_map(Value::as_str);
        let fresh: Vec<String> =
            implied.filter(|name| !reached.iter().any(|known| known == name)).map(str::to_owned).collect();
        reached.extend(fresh);
        at += 1;
    }
    reached.iter().any(|name| name.trim_start_matches("dep:").split(['/', '?']).next() == Some(dependency))
}

/// The oldest toolchain is the same wherever it is named.
fn toolchain(root: &Path, broken: &mut Vec<String>) {
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
    let manifest = read("Cargo.toml");
    let Some((_, rest)) = manifest.split_once("rust-version = \"") else {
        return broken.push("Cargo.toml names no rust-version".to_owned());
    };
    let version = rest.split('"').next().unwrap_or_default();
    for (file, words) in [
        ("README.md", format!("({version} or newer)")),
        ("containers/Dockerfile", format!("FROM rust:{version}-")),
        ("containers/basin.def", format!("From: rust:{version}-")),
    ] {
        if !read(file).contains(&words) {
            broken.push(format!("{file} does not say {words:?}, as Cargo.toml's rust-version has it"));
        }
    }
}

/// Heads, lengths and names of source files.
fn sources(root: &Path, broken: &mut Vec<String>) {
    let mut files = Vec::new();
    ["crates", "examples", "fuzz", "xtask", "tests", "fixtures"]
        .iter()
        .for_each(|folder| rust_files(&root.join(folder), &mut files));
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let shown = file.strip_prefix(root).unwrap_or(&file).display().to_string();
        if !(text.starts_with("//!") || text.starts_with("#![doc")) {
            broken.push(format!("{shown} does not open with a line that says what it is for"));
        }
        if text.lines().count() > LONGEST {
            broken.push(format!(
                "{shown} has {} lines, more than {LONGEST}: a room that wants walls",
                text.lines().count()
            ));
        }
        let stem = file.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
        if ["utils", "util", "helpers", "helper", "common", "misc", "manager"].contains(&stem) {
            broken.push(format!("{shown} has a name that says nothing"));
        }
        // Those panic where a stream cannot be written; clippy refuses them wherever it is not told otherwise.
        let shows = ["examples", "benches"].iter().any(|folder| shown.split('/').any(|part| part == *folder));
        if !shows && text.contains(PRINTS) {
            broken.push(format!("{shown} lets macros print: take basin_core::say and basin_core::warn"));
        }
        let in_kernels = shown.starts_with("crates/kernels");
        if text.contains("unsafe {")
            && !in_kernels
            && !shown.ends_with("tidy.rs")
            && !text.contains("SAFETY:")
        {
            broken.push(format!("{shown} has unsafe code without its reason"));
        }
    }
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
    entries.sort();
    for path in entries {
        match path.extension().and_then(|e| e.to_str()) {
            _ if path.is_dir() && path.file_name().is_some_and(|n| n != "target") => rust_files(&path, files),
            Some("rs") => files.push(path),
            _ => {}
        }
    }
}
