//! A pre-trained trunk under a new head.

use basin_core::{Params, SeedTree};
use basin_ensemble::{ParamOp, ParamOpError};

/// The parameters of the first network, but those of the head, which are the second's: the start of fine-tuning from a network
/// that tells other classes apart; or, with a pre-trained network as the second, what a fine-tuned trunk still knows of the
/// source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHead {
    /// Names of the head's parameters.
    pub head: Vec<String>,
}

impl ParamOp for NewHead {
    fn id(&self) -> String {
        format!("new head 1 ({})", self.head.join(", "))
    }

    fn apply(&self, inputs: &[&Params], _: &SeedTree) -> Result<Params, ParamOpError> {
        self.check_count(inputs.len())?;
        let (trunk, other) = (inputs[0], inputs[1]);
        let mut made = Params::new();
        for (name, array) in other.iter() {
            let is_head = self.head.iter().any(|head| head == name);
            let own = if is_head { Some(array) } else { trunk.get(name) };
            match own {
                Some(own) if own.shape() == array.shape() => made.insert(name, own.clone()),
                Some(own) => {
                    let (found, expected) = (own.shape(), array.shape());
                    return Err(self.refusal(format!("{name} is {found:?}, expected {expected:?}")));
                }
                None => return Err(self.refusal(format!("the pre-trained network has no {name}"))),
            }
        }
        match self.head.iter().find(|head| other.get(head).is_none()) {
            None => Ok(made),
            Some(head) => Err(self.refusal(format!("no network has {head}, which is to be the head"))),
        }
    }

    fn check(&self, networks: usize, _: &Params) -> Result<(), ParamOpError> {
        self.check_count(networks)
    }
}

impl NewHead {
    fn check_count(&self, networks: usize) -> Result<(), ParamOpError> {
        match networks {
            2 => Ok(()),
            n => {
                Err(self.refusal(format!("{n} networks, expected one with the trunk and one with the head")))
            }
        }
    }

    fn refusal(&self, reason: String) -> ParamOpError {
        ParamOpError { operation: self.id(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use basin_core::Array;

    fn network(trunk: f32, head: &[f32]) -> Params {
        let mut params = Params::new();
        params.insert("trunk", Array::new(vec![2], vec![trunk; 2]).unwrap());
        params.insert("head", Array::new(vec![head.len()], head.to_vec()).unwrap());
        params
    }

    #[test]
    fn the_trunk_is_the_firsts_and_the_head_the_seconds_whatever_the_classes() {
        let operation = NewHead { head: vec!["head".into()] };
        let seed = SeedTree::root(0);
        let made = operation.apply(&[&network(1.0, &[5.0; 3]), &network(2.0, &[7.0, 8.0])], &seed).unwrap();
        assert_eq!(made.content_hash(), network(1.0, &[7.0, 8.0]).content_hash());
        let told = |inputs: &[&Params], head: &str| {
            NewHead { head: vec![head.into()] }.apply(inputs, &seed).unwrap_err().to_string()
        };
        let (three, two) = (network(1.0, &[5.0; 3]), network(2.0, &[7.0, 8.0]));
        assert_eq!(told(&[&three, &two], "trunk"), "new head 1 (trunk): head is [3], expected [2]");
        assert_eq!(
            told(&[&three, &three], "fc"),
            "new head 1 (fc): no network has fc, which is to be the head"
        );
        assert_eq!(
            told(&[&Params::new(), &two], "head"),
            "new head 1 (head): the pre-trained network has no trunk"
        );
        assert_eq!(
            told(&[&three], "head"),
            "new head 1 (head): 1 networks, expected one with the trunk and one with the head"
        );
    }
}
