//! Soups: one network made of the members of an ensemble.

use super::{GreedySoup, ModelStock};
use crate::Average;
use basin_core::{Citation, DataRef};
use basin_ensemble::{EnsembleMethod, Origin, PlanContext, Recipe, RecipeError};
use std::sync::Arc;

/// One network made of all members of another method's ensemble.
#[derive(Clone, Debug)]
pub struct Soup {
    /// Its id, for example `local-soup`.
    pub id: &'static str,
    /// The ensemble.
    pub of: Arc<dyn EnsembleMethod>,
    /// How.
    pub mixture: Mixture,
}

/// How members become one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mixture {
    /// Their mean.
    Uniform,
    /// The mean of those that make it no less accurate on held-out images; none where none are held out.
    Greedy(Option<DataRef>),
    /// Between their mean and the network that they began with, by the angles between them.
    ModelStock,
}

impl Soup {
    /// Source of soups.
    pub const CITATION: Citation = Citation {
        key: "wortsman2022soups",
        authors: "Wortsman, Mitchell and Ilharco, Gabriel and Gadre, Samir Ya and Roelofs, Rebecca and Gontijo-Lopes, Raphael and \
                  Morcos, Ari S. and Namkoong, Hongseok and Farhadi, Ali and Carmon, Yair and Kornblith, Simon and Schmidt, Ludwig",
        title: "Model soups: averaging weights of multiple fine-tuned models improves accuracy without increasing inference time",
        year: 2022,
        locator: "2203.05482",
    };
}

impl EnsembleMethod for Soup {
    fn id(&self) -> &'static str {
        self.id
    }

    fn citations(&self) -> Vec<Citation> {
        let own = match self.mixture {
            Mixture::Uniform | Mixture::Greedy(_) => Self::CITATION,
            Mixture::ModelStock => ModelStock::CITATION,
        };
        self.of.citations().into_iter().chain([own]).collect()
    }

    fn members(&self, _: &PlanContext) -> usize {
        1
    }

    fn plan(&self, cx: &PlanContext) -> Result<Recipe, RecipeError> {
        let mut recipe = self.of.plan(cx)?;
        let members = recipe.take_members();
        let mut inputs: Vec<_> = members.iter().map(|(member, _)| *member).collect();
        let origin: Option<Origin> = members.first().and_then(|(_, origin)| *origin);
        let operation: Arc<dyn basin_ensemble::ParamOp> = match &self.mixture {
            Mixture::Uniform => Arc::new(Average),
            Mixture::Greedy(Some(held_out)) => Arc::new(GreedySoup { held_out: held_out.clone() }),
            Mixture::Greedy(None) => {
                return Err(RecipeError::Parameter {
                    key: "transfer.held_out",
                    expected: format!(
                        "training images held out for {} to choose by, such as one share of 20",
                        self.id
                    ),
                    found: "0, none".into(),
                });
            }
            Mixture::ModelStock => {
                inputs.extend(origin.map(|origin| origin.start));
                Arc::new(ModelStock)
            }
        };
        // Nothing is drawn: all have one seed.
        let soup = recipe.transform(self.id, operation, inputs, "averaged");
        match origin {
            Some(origin) => recipe.member_from(soup, origin),
            None => recipe.member(soup),
        }
        Ok(recipe)
    }
}
