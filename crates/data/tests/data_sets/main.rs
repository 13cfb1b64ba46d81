//! The data sets as a user meets them: folders that are right, and each way in which they are wrong.

mod cifar;
mod tiny_imagenet;
