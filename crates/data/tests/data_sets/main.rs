//! The data sets as a user meets them: folders that are right, each way in which they are wrong, and each in which
//! other programs and people leave them.

mod cifar;
mod cifar_as_found;
mod eurosat;
mod mnist;
mod tiny;
mod tiny_as_found;
mod tiny_imagenet;
