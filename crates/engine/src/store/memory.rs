//! A store for tests and for downloads that need not survive.
