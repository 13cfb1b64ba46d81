//! What a run was asked for, kept in it as `request.json`, so that others can carry out its plan: values as they were given,
//! the folder in which relative paths mean something, and the program that planned.

use crate::environment::build;
use crate::exit::{Unreadable, Usage};
use crate::retell::{MOST_BYTES, unread};
use crate::verify::{folders, split};
use crate::{Registry, Request};
use anyhow::{Result, ensure};
use basin_plan::Asked;
use basin_store::{RealFs, RunDir};
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file, below the folder of its experiment.
pub(crate) const REQUEST: &str = "request.json";
const FORMAT: u32 = 1;

/// The request of one experiment of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRequest {
    format: u32,
    paper: String,
    experiment: String,
    preset: String,
    file: Vec<(String, String)>,
    settings: Vec<(String, String)>,
    /// The folder that relative paths among the values begin at.
    pub directory: PathBuf,
    /// Names the program that planned.
    build: String,
    /// The folder of the experiment's plan and report.
    #[serde(skip)]
    pub(crate) folder: PathBuf,
}

impl KeptRequest {
    pub(crate) fn of(request: &Request) -> Self {
        let Asked { paper, experiment, preset, file, settings, .. } = &request.asked;
        Self {
            format: FORMAT,
            paper: paper.id().to_owned(),
            experiment: experiment.name.to_owned(),
            preset: preset.name.to_owned(),
            file: file.clone(),
            settings: settings.clone(),
            directory: std::env::current_dir().unwrap_or_default(),
            build: build().to_owned(),
            folder: PathBuf::new(),
        }
    }

    /// The requests of all experiments of the run at `path`.
    ///
    /// # Errors
    /// [`Usage`] when there is none; [`Unreadable`]; when the disk does not tell.
    pub fn all(path: &Path) -> Result<Vec<Self>> {
        let (root, name) = split(path)?;
        RunDir::open_read_only(root, name, Arc::new(RealFs))?;
        let mut all = Vec::new();
        for folder in folders(path)? {
            let file = folder.join(REQUEST);
            match basin_core::read_regular(&file, MOST_BYTES) {
                Ok(bytes) => {
                    let read: Self =
                        serde_json::from_slice(&bytes).map_err(|error| Unreadable::new(&file, &error))?;
                    ensure!(read.format == FORMAT, Unreadable::new(&file, &"it is of another format"));
                    all.push(Self { folder, ..read });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(unread(&file, error)),
            }
        }
        let none = || {
            let path = path.display();
            format!(
                "{path} holds no {REQUEST}, expected a run that this or a newer version of the program planned"
            )
        };
        ensure!(!all.is_empty(), Usage(none()));
        Ok(all)
    }

    /// The value that a key was given, if it was.
    pub(crate) fn given(&self, key: &str) -> Option<&str> {
        let given = self.settings.iter().chain(&self.file).find(|(name, _)| name == key);
        given.map(|(_, value)| value.as_str())
    }

    /// What was asked for, with these values in place of some.
    ///
    /// # Errors
    /// [`Usage`] when another program planned, or this one does not have what was asked for.
    pub fn asked(&self, registry: &Registry, settings: &[(String, String)]) -> Result<Asked> {
        let here = build();
        ensure!(
            self.build == here,
            Usage(format!(
                "{} was planned by another build of the program ({}, this is {here}), which may compute other bytes under the \
                 same names; use that program, or plan with this one: give the run's own command to it, which keeps what is done",
                self.folder.display(),
                self.build
            ))
        );
        let paper = registry.paper(&self.paper)?;
        let missing = |what: &str, name: &str| Usage(format!("paper {} has no {what} {name}", self.paper));
        Ok(Asked {
            paper,
            experiment: paper
                .experiment(&self.experiment)
                .ok_or_else(|| missing("experiment", &self.experiment))?,
            preset: paper.preset(&self.preset).ok_or_else(|| missing("preset", &self.preset))?,
            file: self.file.clone(),
            settings: self.settings.iter().chain(settings).cloned().collect(),
            keys: registry.keys()?,
        })
    }
}
