//! Between candle's `VarMap` and Basin's tables of parameters. Values are copied: a variable's memory stays candle's.

use crate::variables::values;
use basin_core::{Array, Params};
use basin_models::Network;
use candle_core::{Device, Result, Tensor, Var};
use candle_nn::VarMap;
use std::collections::BTreeMap;
use std::sync::PoisonError;

/// Variables with these names and values, for `VarBuilder::from_varmap`.
///
/// # Errors
/// When the device has no room.
pub fn to_var_map(params: &Params, device: &Device) -> Result<VarMap> {
    let map = VarMap::new();
    {
        let mut vars = map.data().lock().unwrap_or_else(PoisonError::into_inner);
        for (name, array) in params.iter() {
            vars.insert(name.to_owned(), Var::from_slice(array.data(), array.shape(), device)?);
        }
    }
    Ok(map)
}

/// The variables' values, by name.
///
/// # Errors
/// When a variable is not of f32, and the device's.
pub fn from_var_map(map: &VarMap) -> Result<Params> {
    let vars: BTreeMap<String, Tensor> = {
        let vars = map.data().lock().unwrap_or_else(PoisonError::into_inner);
        vars.iter().map(|(name, var)| (name.clone(), var.as_detached_tensor())).collect()
    };
    let entry = |(name, tensor): (String, Tensor)| {
        let array = Array::new(tensor.dims().to_vec(), values(&tensor)?).map_err(candle_core::Error::wrap)?;
        Ok((name, array))
    };
    vars.into_iter().map(entry).collect()
}

/// The variables' values as parameters of a network, in its order.
///
/// # Errors
/// As [`from_var_map`]; every name that is missing, unexpected or misshaped, at once.
pub fn params_of(map: &VarMap, network: &Network) -> Result<Params> {
    network.check(&from_var_map(map)?).map_err(candle_core::Error::wrap)
}
