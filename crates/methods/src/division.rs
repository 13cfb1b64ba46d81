//! How the training images are divided among members that each train on a part.

use basin_core::{DataRef, LabelSkew};
use basin_ensemble::RecipeError;

/// A division of the training images, the same for every method that uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    /// Which images go where.
    pub partition: Partition,
    /// What draws them.
    pub seed: u64,
    /// What the images of the first and of the second part are seen through; none: as they are.
    pub views: [Option<String>; 2],
}

/// Which images go where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// Random parts with equally many images of every class: covariate shift alone.
    Covariate,
    /// Two sides with other labels.
    Labels(LabelSkew),
}

impl Division {
    /// The parts of so many members, in order.
    ///
    /// # Errors
    /// [`RecipeError::Parameter`] for more than two members where there are two sides: of labels, or of views.
    pub fn parts(&self, members: usize) -> Result<Vec<DataRef>, RecipeError> {
        let two_sided = self.partition != Partition::Covariate || self.views.iter().any(Option::is_some);
        if two_sided && members != 2 {
            return Err(RecipeError::Parameter {
                key: "ensemble.members",
                expected: "2, one a side, where labels or views differ between two sides".into(),
                found: members.to_string(),
            });
        }
        let part = |i: usize| {
            let images = match self.partition {
                Partition::Covariate => DataRef::train().share(i, members, self.seed),
                Partition::Labels(skew) => DataRef::train().skewed(i, skew, self.seed),
            };
            DataRef { view: self.views.get(i).cloned().flatten(), ..images }
        };
        Ok((0..members).map(part).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_named_by_side_and_view() {
        let views = [Some("band:0".to_owned()), None];
        let labels = Division { partition: Partition::Labels(LabelSkew::PerMille(200)), seed: 4, views };
        let ids: Vec<String> = labels.parts(2).unwrap().iter().map(DataRef::id).collect();
        let side = |i| format!("train, side {i} with 200 ‰ of lower classes by seed 4");
        assert_eq!(ids, [side(0) + ", seen band:0", side(1)]);
        let error = labels.parts(3).unwrap_err().to_string();
        assert!(error.starts_with("ensemble.members is 3, expected 2, one a side"), "{error}");
        let thirds = Division { partition: Partition::Covariate, seed: 0, views: [None, None] };
        assert_eq!(thirds.parts(3).unwrap()[2].id(), "train, share 2 of 3 by seed 0");
    }
}
