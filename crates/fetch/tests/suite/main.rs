//! Fetching as a user meets it: servers that behave and servers that do not, archives that are honest and
//! archives that are not, disks that fail. Every server is a thread of the test, on the loopback address.
//!
//! `server`: a scripted HTTP server. `samples`: small archives. `honest`: the ways in which it works.
//! `resumed`: downloads in pieces. `loose`: sets that are published file by file. `faulty_servers`, `hostile`, `disks`: what must be refused, and how it is
//! said. `waiting`: what is not waited for, and what is not written through or shown. `readers`: what was fetched is what `basin-data` reads.

mod disks;
mod faulty_servers;
mod honest;
mod hostile;
mod loose;
mod readers;
mod resumed;
mod samples;
mod server;
mod waiting;

use basin_fetch::{Archive, Event, FetchError, Fetched, Patience, Request, fetch};
use basin_store::{Fs, RealFs};
use std::path::Path;
use std::time::Duration;

/// One more attempt after a millisecond, but patience with a machine that has other things to do.
const QUICK: Patience = Patience {
    connect: Duration::from_secs(20),
    stall: Duration::from_secs(20),
    rate: 1 << 10,
    retries: 1,
    pause: Duration::from_millis(1),
};

/// For servers that fall silent.
const SHORT: Patience = Patience { stall: Duration::from_millis(250), ..QUICK };

/// Fetches from the given addresses without being stopped.
fn get(archive: &Archive, dir: &Path, mirrors: &[String]) -> Result<Fetched, FetchError> {
    get_on(&RealFs, archive, dir, mirrors)
}

/// As [`get`], from servers that fall silent.
fn get_shortly(archive: &Archive, dir: &Path, mirrors: &[String]) -> Result<Fetched, FetchError> {
    let request = Request { archive, dir, mirrors, patience: SHORT, fs: &RealFs };
    fetch(&request, &|| false, &mut |_| {})
}

fn get_on(fs: &dyn Fs, archive: &Archive, dir: &Path, mirrors: &[String]) -> Result<Fetched, FetchError> {
    let request = Request { archive, dir, mirrors, patience: QUICK, fs };
    fetch(&request, &|| false, &mut |_| {})
}

/// As [`get`], with what was heard on the way, in one word each.
fn heard(archive: &Archive, dir: &Path, mirrors: &[String]) -> (Result<Fetched, FetchError>, Vec<String>) {
    let mut words: Vec<String> = Vec::new();
    let request = Request { archive, dir, mirrors, patience: QUICK, fs: &RealFs };
    let result = fetch(&request, &|| false, &mut |event| {
        let word = match event {
            Event::Asking { from, .. } => format!("asking from {from}"),
            Event::Received { .. } => "received".to_owned(),
            Event::Failed { pause, .. } => if pause.is_some() { "again" } else { "given up" }.to_owned(),
            Event::Checking { .. } => "checking".to_owned(),
            Event::StartsOver => "starts over".to_owned(),
            Event::Unpacking { .. } => "unpacking".to_owned(),
            _ => "something new".to_owned(),
        };
        if words.last() != Some(&word) {
            words.push(word);
        }
    });
    (result, words)
}

/// The names in a directory, sorted.
fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// The archive and its folder are there, and nothing else: no part, no lock, no half-filled folder.
#[track_caller]
fn assert_whole(dir: &Path) {
    assert_eq!(names(dir), ["set", "set.tar.gz"]);
    assert_eq!(std::fs::read(dir.join("set/b.bin")).unwrap(), samples::noise(2, samples::LENGTH));
}

/// Nothing has its final name.
#[track_caller]
fn assert_nothing(dir: &Path) {
    let names = names(dir);
    assert!(names.iter().all(|name| name.starts_with("set.tar.gz.part")), "{names:?}");
}
