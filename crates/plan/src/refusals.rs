//! What is refused of a request before it begins: everything of every kind at once.

use crate::case::plan_context;
use crate::loading::Datasets;
use crate::problem::Problem;
use crate::{Asked, Registry, Study, sizes};
use basin_config::{Config, ConfigError, Settled};
use basin_ensemble::{EnsembleMethod, PlanContext, Recipe};
use basin_exit as exit;
use basin_papers::Varied;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Keys whose ranges depend on each other in the recipes of methods.
const TOGETHER: &[&str] = &[
    "train.epochs",
    "train.peak_lr",
    "train.warmup",
    "model.",
    "ensemble.members",
    "ensemble.split_epoch",
    "ensemble.after_split",
    "ensemble.swe_floor",
    "ensemble.distil_last",
    "ensemble.replay_epochs",
    "ensemble.imports",
    "subspace.",
    "source.",
    "transfer.",
];

/// The methods that a configuration names, in its order, and what is refused of them: unknown ones, and those that the
/// configuration does not fit.
pub(crate) fn methods(registry: &Registry, config: &Config) -> (Vec<Arc<dyn EnsembleMethod>>, Vec<Problem>) {
    let (mut methods, mut problems) = (Vec::new(), Vec::new());
    let asked = &config.ensemble().methods;
    let is_known = |id: &String| registry.methods().any(|known| known == id);
    let unknown: Vec<String> = asked.iter().filter(|id| !is_known(id)).map(|id| format!("{id:?}")).collect();
    if !unknown.is_empty() {
        let known = registry.methods().collect::<Vec<_>>().join(", ");
        let text = format!("ensemble.methods names {}, expected some of {known}", unknown.join(" and "));
        problems.push(Problem::new(&["ensemble.methods"], exit::Usage(text)));
    }
    problems.extend(unknown_probes(registry, config));
    problems.extend(nothing_held_out(config));
    for id in asked.iter().filter(|id| is_known(id)) {
        match registry.method(id, config) {
            Ok(method) => methods.push(Arc::from(method)),
            Err(error) => problems.push(Problem::new(TOGETHER, error)),
        }
    }
    (methods, problems)
}

/// Measurements that are asked for and that there are not, or of methods that there are not.
fn unknown_probes(registry: &Registry, config: &Config) -> Option<Problem> {
    let known: Vec<&str> = registry.probes_to_ask_for().collect();
    let is_known = |asked: &str| match asked.split_once('@') {
        Some((id, method)) => known.contains(&id) && registry.methods().any(|other| other == method),
        None => known.contains(&asked),
    };
    let unknown = config.metrics().also.iter().filter(|asked| !is_known(asked));
    let unknown: Vec<String> = unknown.map(|asked| format!("{asked:?}")).collect();
    let text = || {
        let known = known.join(", ");
        let unknown = unknown.join(" and ");
        format!(
            "metrics.also names {unknown}, expected some of {known}, alone or with @ and a method after it"
        )
    };
    (!unknown.is_empty()).then(|| Problem::new(&["metrics.also"], exit::Usage(text())))
}

/// A measurement on held-out images where none are.
fn nothing_held_out(config: &Config) -> Option<Problem> {
    let is_it = |asked: &String| asked == "held-out" || asked.starts_with("held-out@");
    let asked = config.metrics().also.iter().any(is_it) && config.transfer().held_out == 0;
    let text = "metrics.also names held-out and transfer.held_out is 0, expected a number of shares of which one is held out, such \
                as 20";
    asked.then(|| Problem::new(&["metrics.also", "transfer."], exit::Usage(text.into())))
}

/// A method's recipe.
pub(crate) fn recipe(method: &dyn EnsembleMethod, context: &PlanContext) -> Result<Recipe, Problem> {
    let recipe = method.plan(context).map_err(|error| Problem::new(TOGETHER, error))?;
    let (planned, expected) = (recipe.members().len(), method.members(context));
    if planned == expected {
        return Ok(recipe);
    }
    let id = method.id();
    let of_all = if expected == context.members { "ensemble.members, " } else { "" };
    let text = format!("method {id} planned {planned} members, expected {of_all}{expected}");
    Err(Problem::new(TOGETHER, exit::Usage(text)))
}

/// What is refused of the methods that a configuration names, and what they refuse of it.
pub fn of_methods(registry: &Registry, config: &Config) -> Vec<Problem> {
    let (methods, mut problems) = methods(registry, config);
    let context = plan_context(config);
    problems.extend(methods.iter().filter_map(|method| recipe(&**method, &context).err()));
    problems
}

/// Everything that is wrong with what was asked for, where its values alone are refused: these, `more`, and what would be
/// refused after them and does not follow from them. `blank`: without data, as for a price.
pub fn refused(
    asked: &Asked,
    more: Vec<(&'static str, String)>,
    others: Vec<String>,
    registry: &Registry,
    blank: bool,
) -> ConfigError {
    let (mut refused, mut lines) = (BTreeSet::new(), others);
    for (key, line) in more {
        refused.insert(key);
        lines.push(line);
    }
    let mut configs: Vec<(Varied, Config)> = Vec::new();
    let cases = asked.cases().unwrap_or_else(|error| {
        lines.extend(error.problems);
        vec![Varied::new()]
    });
    for varied in cases {
        let Settled { config, problems, refused: keys } = asked.settle(&varied);
        refused.extend(keys);
        lines.extend(problems);
        configs.push((varied, config));
    }
    let mut problems: Vec<Problem> =
        configs.iter().flat_map(|(_, config)| of_methods(registry, config)).collect();
    let datasets = if blank { Datasets::or_blank() } else { Datasets::default() };
    match Study::attempt(asked, configs, datasets) {
        Ok(study) => problems.extend(
            sizes::check(&study).err().map(|error| Problem::new(&["model.", "train.", "ensemble."], error)),
        ),
        Err(more) => problems.extend(more),
    }
    let consequent = |problem: &Problem| !problem.follows_from(&refused);
    lines.extend(problems.into_iter().filter(consequent).map(|problem| format!("  {:#}", problem.error)));
    let mut told = BTreeSet::new();
    lines.retain(|line| told.insert(line.clone()));
    ConfigError { problems: lines }
}
