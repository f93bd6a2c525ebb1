//! temp
use crate::error::Result;
use crate::limit::Limits;
use crate::spec::Config;
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
#[derive(Clone)]
pub(crate) struct Client;
impl Client {
    pub(crate) fn new(_config: &Config, _limits: Arc<Limits>) -> Result<Client> {
        Ok(Client)
    }
    pub(crate) async fn get(&self, _ask: &Ask<'_>) -> Result<Answer> {
        panic!()
    }
}
pub(crate) struct Ask<'a> {
    pub(crate) url: &'a Url,
    pub(crate) home: &'a Url,
    pub(crate) range: Option<(u64, u64)>,
    pub(crate) headers: &'a [(String, String)],
}
pub(crate) struct Answer {
    pub(crate) url: Url,
    pub(crate) status: http::StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Body,
    pub(crate) first_byte: Duration,
}
pub(crate) struct Body;
impl Body {
    pub(crate) async fn frame(&mut self) -> Result<Option<Bytes>> {
        Ok(None)
    }
    pub(crate) fn finish(self) {}
}
