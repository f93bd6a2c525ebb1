//! Where one download's bytes come from: the user's URL, and where redirects led last.

use std::sync::{Mutex, PoisonError};

use url::Url;

/// Where one download's bytes come from. All its threads share it.
pub(crate) struct Source {
    /// The URL that the user gave.
    pub(crate) home: Url,
    /// Its own request headers.
    pub(crate) headers: Vec<(String, String)>,
    /// Where the last walk along the redirects ended.
    at: Mutex<Url>,
}

impl Source {
    pub(crate) fn new(home: Url, headers: Vec<(String, String)>) -> Source {
        Source {
            at: Mutex::new(home.clone()),
            home,
            headers,
        }
    }

    /// Where the bytes are, after redirects.
    pub(crate) fn address(&self) -> Url {
        self.at
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Notes where the bytes are.
    pub(crate) fn found_at(&self, url: Url) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = url;
    }
}
