//! Ensembles of networks that somebody else trained.

use basin_core::{Citation, Digest};
use basin_ensemble::{EnsembleMethod, PlanContext, Recipe, RecipeError};
use std::path::PathBuf;

/// Networks from files, one member each, in the order given: nothing is trained, everything is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Files with the digests of their bytes; as many as members.
    pub files: Vec<(PathBuf, Digest)>,
}

impl EnsembleMethod for Imported {
    fn id(&self) -> &'static str {
        "imported"
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::SINGLE_BASIN]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        if self.files.len() != cx.members {
            return Err(RecipeError::Parameter {
                key: "ensemble.imports",
                expected: format!("as many files as members, {}", cx.members),
                found: format!("{} files", self.files.len()),
            });
        }
        let mut recipe = Recipe::new();
        for (i, (path, content)) in self.files.iter().enumerate() {
            let member = recipe.import(format!("imported-{}", i + 1), path, *content);
            recipe.member(member);
        }
        Ok(recipe)
    }
}
