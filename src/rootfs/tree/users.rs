//! An image's users and groups, and what each may read and execute.

use crate::rootfs::tree::{Tree, resolve};

/// Users and groups.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserDatabase {
    /// Of `/etc/passwd`.
    pub users: Vec<User>,
    /// Of `/etc/group`: name, number, members.
    pub groups: Vec<(String, u32, Vec<String>)>,
    /// Whether `/etc/passwd` was there to be read.
    pub has_users: bool,
}

/// A user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct User {
    /// Login name.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// Number of the first group.
    pub gid: u32,
    /// Home directory.
    pub home: String,
}

/// Why an engine refuses a `User` field, in the engine's own words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserError {
    /// `/etc/passwd` does not have this name.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    NoSuchUser(String),
    /// `/etc/group` does not have this name.
    #[error("unable to find group {0}: no matching entries in group file")]
    NoSuchGroup(String),
}

/// Whom an image's processes run as.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Number.
    pub uid: u32,
    /// Numbers, the first group first.
    pub gids: Vec<u32>,
}

impl Identity {
    /// Whether the permission bits (`0o4` read, `0o2` write, `0o1` execute) are granted on an entry.
    /// Access control lists are not in the bits, so this is what an image without them grants.
    pub fn can_access(&self, entry: &crate::rootfs::FileEntry, bits: u32) -> bool {
        if self.uid == 0 {
            // Root reads everything and executes what anybody may execute.
            return bits & 0o1 == 0 || entry.is_directory() || entry.mode & 0o111 != 0;
        }
        let granted = if entry.uid == self.uid {
            entry.mode >> 6
        } else if self.gids.contains(&entry.gid) {
            entry.mode >> 3
        } else {
            entry.mode
        };
        granted & bits == bits
    }
}

impl UserDatabase {
    /// Reads both files of a tree.
    pub fn read(tree: &dyn Tree) -> UserDatabase {
        let text = |path: &[u8]| {
            let found = resolve(tree, path).ok()?;
            Some(String::from_utf8_lossy(&tree.text(&found.path)?).into_owned())
        };
        let passwd = text(b"/etc/passwd");
        let field =
            |line: &str, index: usize| line.split(':').nth(index).unwrap_or_default().to_owned();
        let users = passwd.as_deref().unwrap_or_default().lines().filter_map(|line| {
            let (uid, gid) = (field(line, 2).parse().ok()?, field(line, 3).parse().ok()?);
            Some(User { name: field(line, 0), uid, gid, home: field(line, 5) })
        });
        let groups = text(b"/etc/group").unwrap_or_default();
        let groups = groups.lines().filter_map(|line| {
            let members = field(line, 3)
                .split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect();
            Some((field(line, 0), field(line, 2).parse().ok()?, members))
        });
        UserDatabase {
            users: users.collect(),
            groups: groups.collect(),
            has_users: passwd.is_some(),
        }
    }

    /// The home directory of a `User` field, as runc gives it to a process without one.
    pub fn home(&self, user: &str) -> String {
        let uid = self.resolve_user(user).map_or(0, |it| it.uid);
        let home = self.users.iter().find(|it| it.uid == uid).map(|it| it.home.clone());
        home.filter(|it| !it.is_empty()).unwrap_or_else(|| "/".to_owned())
    }

    /// Whom a `User` field means. Names must be in the files, numbers need not (runc's
    /// `GetExecUser`).
    ///
    /// # Errors
    /// A name is not in the files.
    pub fn resolve_user(&self, user: &str) -> Result<Identity, UserError> {
        let (name, group) =
            user.split_once(':').map_or((user, None), |(name, group)| (name, Some(group)));
        let number = name.parse::<u32>().ok();
        let known = if name.is_empty() {
            self.users.iter().find(|user| user.uid == 0)
        } else {
            self.users.iter().find(|user| user.name == name || Some(user.uid) == number)
        };
        let mut identity = match (known, number) {
            (Some(user), _) => Identity { uid: user.uid, gids: vec![user.gid] },
            (None, Some(uid)) => Identity { uid, gids: vec![0] },
            (None, None) if name.is_empty() => Identity { uid: 0, gids: vec![0] },
            (None, None) => {
                return Err(UserError::NoSuchUser(name.to_owned()));
            }
        };
        match group.filter(|group| !group.is_empty()) {
            Some(group) => {
                let number = group.parse::<u32>().ok();
                let found =
                    self.groups.iter().find(|(name, gid, _)| name == group || Some(*gid) == number);
                let gid = found.map(|(_, gid, _)| *gid).or(number);
                let gid = gid.ok_or_else(|| UserError::NoSuchGroup(group.to_owned()))?;
                identity.gids = vec![gid];
            }
            None => {
                let name = known.map(|user| user.name.as_str()).unwrap_or_default();
                identity.gids.extend(
                    self.groups
                        .iter()
                        .filter(|(_, _, members)| members.iter().any(|member| member == name))
                        .map(|(_, gid, _)| *gid),
                );
            }
        }
        Ok(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rootfs::{FileEntry, FileKind};
    use crate::start::image::elf_tree::InMemoryTree;

    #[test]
    fn users_are_found_as_the_engine_finds_them() {
        let tree = InMemoryTree::default()
            .file(
                "/etc/passwd",
                0o644,
                "root:x:0:0:root:/root:/bin/sh\napp:x:100:101::/app:/bin/false\n",
            )
            .file("/etc/group", 0o644, "root:x:0:\napp:x:101:\nlog:x:7:app,x\n");
        let users = UserDatabase::read(&tree);
        let identity = |user: &str| users.resolve_user(user);
        assert_eq!(identity("app"), Ok(Identity { uid: 100, gids: vec![101, 7] }));
        assert_eq!(identity("100:7"), Ok(Identity { uid: 100, gids: vec![7] }));
        assert_eq!(identity("4000"), Ok(Identity { uid: 4000, gids: vec![0] }));
        assert_eq!(identity(""), Ok(Identity { uid: 0, gids: vec![0] }));
        assert_eq!(
            identity("nobody").unwrap_err().to_string(),
            "unable to find user nobody: no matching entries in passwd file"
        );
        assert_eq!(identity("app:nope"), Err(UserError::NoSuchGroup("nope".to_owned())));
    }

    #[test]
    fn permission_is_by_owner_then_group_then_others() {
        let entry = |mode| FileEntry { kind: FileKind::File { size: 0 }, mode, uid: 1, gid: 2 };
        let who = |uid, gid| Identity { uid, gids: vec![gid] };
        assert!(
            who(1, 9).can_access(&entry(0o500), 0o5) && !who(1, 2).can_access(&entry(0o077), 0o1)
        );
        assert!(
            who(3, 2).can_access(&entry(0o050), 0o5) && !who(3, 9).can_access(&entry(0o750), 0o1)
        );
        assert!(
            who(0, 0).can_access(&entry(0o000), 0o4) && !who(0, 0).can_access(&entry(0o600), 0o1)
        );
    }
}
