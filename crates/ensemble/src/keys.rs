//! The digests of a recipe's work, by which methods share it: equal digests mean equal results.

use crate::{AtStart, Probe, Recipe, Trajectory, Work};
use basin_core::{DataRef, Digest, digest};

/// Everything outside a recipe that determines results.
#[derive(Clone)]
pub struct Setting<'a> {
    /// What shapes trained parameters: data, model, augmentation, batch size, optimiser, seed.
    pub training: &'a str,
    /// What shapes a measurement or an import besides what is measured: the network, the seed.
    pub measuring: &'a str,
    /// What shapes running statistics that are measured again ([`ParamOp::new_statistics`](crate::ParamOp::new_statistics));
    /// empty where the network has none.
    pub statistics: &'a str,
    /// The same of the source, whose work some nodes are; none where there is none.
    pub source: Option<Box<Setting<'a>>>,
    /// The digest of some images.
    pub images: &'a dyn Fn(&DataRef) -> String,
}

impl<'a> Setting<'a> {
    /// A setting that is told by one text, images by their names: for tests and examples.
    pub fn named(text: &'a str) -> Self {
        Self { training: text, measuring: text, statistics: "", source: None, images: &DataRef::id }
    }
}

impl std::fmt::Debug for Setting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { training, measuring, statistics, source, .. } = self;
        f.debug_struct("Setting")
            .field("training", training)
            .field("measuring", measuring)
            .field("statistics", statistics)
            .field("source", source)
            .finish_non_exhaustive()
    }
}

/// The digests of a recipe's nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// Of each node: equal digests mean equal results.
    pub nodes: Vec<Digest>,
    /// Of each trained node: the same for all states of one trajectory, whatever their epoch.
    pub trajectories: Vec<Option<Digest>>,
}

/// The digests of nodes and of trajectories. Linear in nodes and edges.
pub fn keys(recipe: &Recipe, own: &Setting<'_>) -> Keys {
    let mut keys = Keys { nodes: Vec::new(), trajectories: Vec::new() };
    // Digests as text, each written once: with many members they are most of what is hashed.
    let mut texts: Vec<String> = Vec::new();
    let mut joined = (Vec::new(), String::new());
    for (work, at_source) in recipe.stages() {
        let setting = own.source.as_deref().filter(|_| at_source).unwrap_or(own);
        let images = setting.images;
        let (setting, what) = match work {
            Work::Init { seed } => (setting.training, format!("init {seed}")),
            Work::Import { content, classes, .. } => {
                let classes = classes.map_or_else(String::new, |n| format!(", {n} classes"));
                (setting.measuring, format!("import {content}{classes}"))
            }
            Work::Train { trajectory, epoch, halvings } => {
                let id = trajectory.id(images);
                let more = match halvings {
                    0 => String::new(),
                    k => format!(" and 1/{} of the next", 1u64 << k),
                };
                (setting.training, format!("train to epoch {epoch}{more}, {id}"))
            }
            Work::Transform { operation, seed, .. } => {
                let statistics = if operation.new_statistics() { setting.statistics } else { "" };
                let judged = operation.judged_on();
                let judged = judged.map_or_else(String::new, |data| format!(", judged on {}", images(&data)));
                (setting.training, format!("transform {}, seed {seed}{statistics}{judged}", operation.id()))
            }
            Work::Probe { probe, seed, .. } => (setting.measuring, probe_id(&**probe, seed, images)),
        };
        let inputs = work.inputs();
        // The members of a joint matching have the same inputs, one after the other.
        if joined.0 != inputs {
            let all: Vec<&str> = inputs.iter().map(|id| texts[id.index()].as_str()).collect();
            joined = (inputs, all.join(","));
        }
        let key = text_digest(setting, &what, &joined.1);
        keys.trajectories.push(match work {
            Work::Train { trajectory, .. } => Some(text_digest(setting, &trajectory.id(images), &joined.1)),
            _ => None,
        });
        keys.nodes.push(key);
        texts.push(key.to_string());
    }
    keys
}

/// The digest of a measurement of nodes with these digests, as in [`keys`].
pub fn probe_key(probe: &dyn Probe, seed: &str, inputs: &[Digest], setting: &Setting<'_>) -> Digest {
    node_digest(setting.measuring, &probe_id(probe, seed, setting.images), inputs)
}

fn node_digest(setting: &str, own: &str, inputs: &[Digest]) -> Digest {
    let inputs: Vec<String> = inputs.iter().map(Digest::to_string).collect();
    text_digest(setting, own, &inputs.join(","))
}

fn text_digest(setting: &str, own: &str, inputs: &str) -> Digest {
    digest([setting.as_bytes(), own.as_bytes(), inputs.as_bytes()])
}

fn probe_id(probe: &dyn Probe, seed: &str, images: &dyn Fn(&DataRef) -> String) -> String {
    let data: Vec<String> = probe.data().iter().map(images).collect();
    format!("probe {} {}, data {}, seed {seed}", probe.id(), probe.settings(), data.join(" "))
}

impl Trajectory {
    /// What is as usual leaves no mark, so that a new possibility does not rename earlier work.
    fn id(&self, images: &dyn Fn(&DataRef) -> String) -> String {
        let Self { start_epoch, order, schedule, objective, data, sides, moments, .. } = self;
        let mut id =
            format!("from epoch {start_epoch}, order {order}, {}, {}", schedule.id(), objective.id());
        if *data != DataRef::train() {
            id += &format!(", on {}", images(data));
        }
        if !sides.is_empty() {
            let sides: Vec<String> = sides.iter().map(images).collect();
            id += &format!(", noise shared by {}", sides.join(" and "));
        }
        if *moments == AtStart::Reset {
            id += ", moments reset";
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::tests::trajectory;
    use crate::{ParamOp, ParamOpError};
    use basin_core::{Params, SeedTree};
    use std::sync::Arc;

    #[test]
    fn equal_work_has_equal_keys_whatever_it_is_called() {
        let keys_of = |name: &str, order: &str, setting: &str| {
            let mut recipe = Recipe::new();
            let init = recipe.init("member/1/init");
            recipe.train(trajectory(init, name, order), 10).unwrap();
            keys(&recipe, &Setting::named(setting)).nodes
        };
        assert_eq!(keys_of("deep-1", "o", "s"), keys_of("trunk", "o", "s"));
        assert_ne!(keys_of("deep-1", "o", "s")[1], keys_of("deep-1", "p", "s")[1]);
        assert_ne!(keys_of("deep-1", "o", "s")[0], keys_of("deep-1", "o", "t")[0]);
    }

    /// An average of networks.
    #[derive(Debug)]
    struct Averaging {
        new_statistics: bool,
    }

    impl ParamOp for Averaging {
        fn id(&self) -> String {
            "averaging 1".into()
        }

        fn apply(&self, inputs: &[&Params], _: &SeedTree) -> Result<Params, ParamOpError> {
            Ok(inputs[0].clone())
        }

        fn new_statistics(&self) -> bool {
            self.new_statistics
        }
    }

    #[test]
    fn on_which_images_statistics_are_measured_names_what_gets_new_ones_and_nothing_else() {
        let key = |new_statistics, statistics| {
            let mut recipe = Recipe::new();
            let init = recipe.init("i");
            recipe.transform("average", Arc::new(Averaging { new_statistics }), vec![init], "s");
            keys(&recipe, &Setting { statistics, ..Setting::named("setting") }).nodes[1]
        };
        assert_eq!(key(true, ""), key(false, ""));
        assert_eq!(key(false, ", on 8"), key(false, ""));
        assert_ne!(key(true, ", on 8"), key(true, ""));
        assert_ne!(key(true, ", on 8"), key(true, ", on 9"));
    }

    /// An operation that asks how accurate its networks are.
    #[derive(Debug)]
    struct Judging(DataRef);

    impl ParamOp for Judging {
        fn id(&self) -> String {
            "judging 1".into()
        }

        fn apply(&self, inputs: &[&Params], _: &SeedTree) -> Result<Params, ParamOpError> {
            Ok(inputs[0].clone())
        }

        fn judged_on(&self) -> Option<DataRef> {
            Some(self.0.clone())
        }
    }

    #[test]
    fn what_an_operation_judges_by_names_its_result() {
        let key = |data, setting: &Setting<'_>| {
            let mut recipe = Recipe::new();
            let init = recipe.init("i");
            recipe.transform("best", Arc::new(Judging(data)), vec![init], "s");
            keys(&recipe, setting).nodes[1]
        };
        let named = Setting::named("setting");
        assert_ne!(key(DataRef::train(), &named), key(DataRef::train().first(9), &named));
        // By what the images are, not by their name.
        let others = |_: &DataRef| "others".to_owned();
        assert_ne!(
            key(DataRef::train(), &named),
            key(DataRef::train(), &Setting { images: &others, ..named.clone() })
        );
    }

    /// A source is what its own nodes are named by, and nothing else is.
    #[test]
    fn work_of_the_source_is_named_by_the_source_alone() {
        let of = |own: &'static str, source: &'static str| {
            let mut recipe = Recipe::new();
            let there = recipe.at_source(|recipe| recipe.init("i"));
            let here = recipe.init("i");
            let keys = keys(
                &recipe,
                &Setting { source: Some(Box::new(Setting::named(source))), ..Setting::named(own) },
            );
            [there, here].map(|node| keys.nodes[node.index()])
        };
        let ([there, here], [other_own, _], [_, other_source]) = (of("a", "b"), of("c", "b"), of("a", "c"));
        assert!(there == other_own && here == other_source && there != here);
        assert_eq!(of("a", "a")[0], of("a", "b")[1]);
    }
}
