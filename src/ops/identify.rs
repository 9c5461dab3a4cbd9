//! Personal data in the audit log are keyed hashes. An operator who may give commands can ask who stands behind one, or under which
//! hash a number is to be looked for; that he asked is on record.

use super::appliance::facts;
use super::rows::Signer;
use super::{Appliance, Call, Result, table};
use crate::audit::{Act, Actor, Ending};
use hufu_api::Space;
use serde::{Deserialize, Serialize};

/// People that one answer names at most.
const MOST: usize = 1_000;

/// Somebody whose number stands behind a hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// appId
    pub app: String,
    /// signerId
    pub signer: u64,
    /// userName
    pub name: String,
    /// certifyNum
    pub certify_number: String,
    /// The registered mobile number.
    pub mobile: Option<String>,
}

/// A hash and who is behind it now. Numbers that were changed since, or never registered, have nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identified {
    /// As it stands in records: 64 lower-case hexadecimal digits.
    pub hash: String,
    /// Signers with that certifyNum or mobile number, of all apps.
    pub people: Vec<Person>,
}

impl Appliance {
    /// Who has this number, or the number behind this hash (64 hexadecimal digits).
    ///
    /// # Errors
    /// What store, token and log may fail with; without the record nothing is told.
    pub fn identify(&self, call: &Call, operator: &Actor, asked: &str) -> Result<Identified> {
        let asked = asked.trim();
        let is_hash = asked.len() == 64 && asked.bytes().all(|b| b.is_ascii_hexdigit());
        let hash = if is_hash { asked.to_ascii_lowercase() } else { self.pseudonym(call.cx, asked)? };
        let mut people = Vec::new();
        for app in self.app_ids()? {
            table::each_in_app(self.store(), Space::Signer, &app, |_, bytes| {
                let signer: Signer = table::decode(Space::Signer, bytes)?;
                let numbers = [Some(&signer.certify.number), signer.mobile.as_ref().map(|m| &m.number)];
                let behind = numbers.into_iter().flatten().try_fold(false, |found, number| {
                    Ok::<_, super::Error>(found || self.pseudonym(call.cx, number)? == hash)
                })?;
                if behind && people.len() < MOST {
                    people.push(Person {
                        app: app.clone(),
                        signer: signer.id,
                        name: signer.name.as_str().to_owned(),
                        certify_number: signer.certify.number.clone(),
                        mobile: signer.mobile.as_ref().map(|m| m.number.clone()),
                    });
                }
                Ok(())
            })?;
        }
        let told = facts([("hash", hash.clone().into()), ("people", people.len().into())]);
        self.note(call, operator.clone(), Act::Identify, told, Ending::Done)?;
        Ok(Identified { hash, people })
    }
}
