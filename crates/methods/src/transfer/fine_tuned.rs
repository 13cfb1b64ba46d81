//! Members that are fine-tuned by themselves: local and global deep ensembles.

use super::NewHead;
use crate::Deep;
use basin_core::{Citation, DataRef, Digest};
use basin_ensemble::{
    AtStart, EnsembleMethod, NodeId, Objective, Origin, PlanContext, Recipe, RecipeError, Trajectory,
};
use std::path::PathBuf;
use std::sync::Arc;

/// How members come by their pre-trained network and their head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FineTuning {
    /// Which pre-trained network members share that are fine-tuned from one, from 1.
    pub checkpoint: usize,
    /// Files of pre-trained networks, which take the place of pre-training where there are any.
    pub files: Vec<PretrainedFile>,
    /// Names of the parameters that are the head.
    pub head: Vec<String>,
    /// Whose head members begin with.
    pub heads: Heads,
    /// The images that they are fine-tuned on.
    pub data: DataRef,
}

/// A file with a pre-trained network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PretrainedFile {
    /// Where it is.
    pub path: PathBuf,
    /// Digest of its bytes.
    pub content: Digest,
    /// Classes that its head tells apart.
    pub classes: usize,
}

/// The heads that fine-tuning begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heads {
    /// Everybody's own, as in the paper's code.
    Own,
    /// That of member 1: heads that differ from the start are a barrier by themselves.
    Shared,
}

impl FineTuning {
    /// Pre-trained network `k`, with whether it is the source's work; none where nothing is pre-trained.
    fn pretrained(
        &self,
        recipe: &mut Recipe,
        cx: &PlanContext,
        k: usize,
    ) -> Result<Option<(NodeId, bool)>, RecipeError> {
        if !self.files.is_empty() {
            let Some(PretrainedFile { path, content, classes }) = self.files.get(k - 1) else {
                return Err(RecipeError::Parameter {
                    key: "source.checkpoints",
                    expected: format!("{k} files, one for each pre-trained network"),
                    found: format!("{} files", self.files.len()),
                });
            };
            let name = format!("pretrained-{k}");
            return Ok(Some((recipe.import_with_classes(name, path, *content, *classes), false)));
        }
        let Some(source) = &cx.source else { return Ok(None) };
        let trained = recipe.at_source(|recipe| Deep::called("pretrained", recipe, source, k))?;
        Ok(Some((trained, true)))
    }

    /// Where member `i` begins if it is fine-tuned from pre-trained network `k`.
    fn origin(
        &self,
        recipe: &mut Recipe,
        cx: &PlanContext,
        k: usize,
        i: usize,
    ) -> Result<Origin, RecipeError> {
        let Some((pretrained, at_source)) = self.pretrained(recipe, cx, k)? else {
            return Ok(Origin { start: recipe.init(format!("member/{k}/init")), pretrained: None });
        };
        let whose = match self.heads {
            Heads::Own => i,
            Heads::Shared => 1,
        };
        let head = recipe.init(format!("member/{whose}/init"));
        let operation = Arc::new(NewHead { head: self.head.clone() });
        let name = format!("start-{k}-{whose}");
        // Nothing is drawn.
        let start = recipe.transform(name, operation, vec![pretrained, head], "start");
        Ok(Origin { start, pretrained: at_source.then_some(pretrained) })
    }

    /// Adds fine-tune `i` of pre-trained network `k` after T epochs, with where it comes from.
    pub(super) fn member(
        &self,
        recipe: &mut Recipe,
        cx: &PlanContext,
        k: usize,
        i: usize,
    ) -> Result<(NodeId, Origin), RecipeError> {
        let origin = self.origin(recipe, cx, k, i)?;
        let trajectory = Trajectory {
            name: format!("tuned-{k}-{i}"),
            method: "fine-tuned".into(),
            from: origin.start,
            start_epoch: 0,
            order: format!("member/{i}/order"),
            schedule: cx.schedule.clone(),
            objective: Objective::CrossEntropy,
            data: self.data.clone(),
            sides: Vec::new(),
            moments: AtStart::Continue,
        };
        Ok((recipe.train(trajectory, cx.epochs)?, origin))
    }

    /// The first fine-tune of the shared pre-trained network: where cycles begin.
    pub(super) fn first(
        &self,
        recipe: &mut Recipe,
        cx: &PlanContext,
    ) -> Result<(NodeId, Origin), RecipeError> {
        self.member(recipe, cx, self.checkpoint, 1)
    }
}

/// M fine-tunes: of one pre-trained network (a local deep ensemble), or each of another one (a global one).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FineTuned {
    /// All from one pre-trained network.
    Local(FineTuning),
    /// Member i from pre-trained network i.
    Global(FineTuning),
}

impl EnsembleMethod for FineTuned {
    fn id(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::Global(_) => "global",
        }
    }

    fn citations(&self) -> Vec<Citation> {
        vec![Citation::PRETRAIN_BASIN]
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = Recipe::new();
        for i in 1..=cx.members {
            let (member, origin) = match self {
                Self::Local(tuning) => tuning.member(&mut recipe, cx, tuning.checkpoint, i)?,
                Self::Global(tuning) => tuning.member(&mut recipe, cx, i, i)?,
            };
            recipe.member_from(member, origin);
        }
        Ok(recipe)
    }
}
