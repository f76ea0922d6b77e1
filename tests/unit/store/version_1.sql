PRAGMA application_id = 1882474050;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE hosts (
        kind TEXT NOT NULL, tenant TEXT NOT NULL, network TEXT NOT NULL, mac TEXT NOT NULL,
        switch TEXT NOT NULL, port INTEGER NOT NULL, addresses TEXT NOT NULL,
        PRIMARY KEY (kind, tenant, network, mac)
    ) WITHOUT ROWID;
INSERT INTO "hosts" VALUES('Network','acme','clients','00:00:00:00:00:02','leaf1',9,'["10.0.1.2", "2001:db8::2"]');
INSERT INTO "hosts" VALUES('Network','acme','clients','00:00:00:00:00:03','leaf1',9,'[]');
CREATE TABLE intents (
        kind TEXT NOT NULL, tenant TEXT NOT NULL, name TEXT NOT NULL,
        generation INTEGER NOT NULL, document TEXT NOT NULL,
        PRIMARY KEY (kind, tenant, name)
    ) WITHOUT ROWID;
INSERT INTO "intents" VALUES('FirewallPolicy','acme','access',1,'{"kind": "FirewallPolicy", "name": "access", "tenant": "acme", "spec": {"rules": [{"name": "nothing-out", "action": "deny", "from": {"network": "access"}}, {"name": "nothing-in", "action": "deny", "to": {"network": "access"}}]}}');
INSERT INTO "intents" VALUES('FirewallPolicy','acme','telnet',1,'{"kind": "FirewallPolicy", "name": "telnet", "tenant": "acme", "spec": {"priority": 2000, "rules": [{"name": "one-may", "action": "allow", "from": {"cidr": "10.0.1.12/32"}, "to": {"network": "servers"}, "protocol": "tcp", "ports": [23]}, {"name": "no-telnet", "action": "deny", "to": {"network": "servers"}, "protocol": "tcp", "ports": [23]}]}}');
INSERT INTO "intents" VALUES('Network','acme','access',1,'{"kind": "Network", "name": "access", "tenant": "acme", "spec": {"subnets": ["10.0.3.0/24", "2001:db8:3::/64"], "gateways": ["10.0.3.1", "2001:db8:3::1"], "attachments": [{"switch": "leaf3", "port": 1}]}}');
INSERT INTO "intents" VALUES('Network','acme','clients',1,'{"kind": "Network", "name": "clients", "tenant": "acme", "spec": {"subnets": ["10.0.1.0/24", "2001:db8:1::/64"], "gateways": ["10.0.1.1", "2001:db8:1::1"], "attachments": [{"switch": "leaf1", "port": 1}, {"switch": "leaf1", "port": 2}, {"switch": "leaf1", "port": 3}, {"switch": "leaf3", "port": 3}]}}');
INSERT INTO "intents" VALUES('Network','acme','data',1,'{"kind": "Network", "name": "data", "tenant": "acme", "spec": {"subnets": ["10.0.4.0/24", "2001:db8:4::/64"], "gateways": ["10.0.4.1", "2001:db8:4::1"], "attachments": [{"switch": "leaf3", "port": 2, "mac": "02:00:0a:00:04:0a", "addresses": ["10.0.4.10", "2001:db8:4::10"]}]}}');
INSERT INTO "intents" VALUES('Network','acme','servers',1,'{"kind": "Network", "name": "servers", "tenant": "acme", "spec": {"subnets": ["10.0.2.0/24", "2001:db8:2::/64"], "gateways": ["10.0.2.1", "2001:db8:2::1"], "attachments": [{"switch": "leaf2", "port": 1}, {"switch": "leaf2", "port": 2}, {"switch": "leaf2", "port": 3}]}}');
INSERT INTO "intents" VALUES('Service','acme','web',1,'{"kind": "Service", "name": "web", "tenant": "acme", "spec": {"virtualIp": "10.0.100.80", "protocol": "tcp", "port": 80, "pool": [{"address": "10.0.2.11", "port": 8080}, {"address": "10.0.2.12", "port": 8080}, {"address": "10.0.2.13", "port": 8080, "weight": 2}]}}');
INSERT INTO "intents" VALUES('TelemetryWatch','operations','queues',1,'{"kind": "TelemetryWatch", "name": "queues", "tenant": "operations", "spec": {"queueDepth": 32, "queueDelayMicroseconds": 5000, "reportIntervalMilliseconds": 100}}');
INSERT INTO "intents" VALUES('UpfSession','acme','ue1',1,'{"kind": "UpfSession", "name": "ue1", "tenant": "acme", "spec": {"accessNetwork": "access", "dataNetwork": "data", "n3Address": "10.0.3.2", "gnbAddress": "10.0.3.10", "uplinkTeid": 257, "downlinkTeid": 513, "ueAddress": "10.45.0.2", "qfi": 9}}');
INSERT INTO "intents" VALUES('UpfSession','acme','ue2',1,'{"kind": "UpfSession", "name": "ue2", "tenant": "acme", "spec": {"accessNetwork": "access", "dataNetwork": "data", "n3Address": "10.0.3.2", "gnbAddress": "10.0.3.10", "uplinkTeid": 258, "downlinkTeid": 514, "ueAddress": "10.45.0.3", "qfi": 5}}');
CREATE TABLE links (
        from_switch TEXT NOT NULL, from_port INTEGER NOT NULL,
        to_switch TEXT NOT NULL, to_port INTEGER NOT NULL,
        PRIMARY KEY (from_switch, from_port, to_switch, to_port)
    ) WITHOUT ROWID;
INSERT INTO "links" VALUES('leaf1',9,'spine1',1);
INSERT INTO "links" VALUES('spine1',1,'leaf1',9);
CREATE TABLE numbers (
        pool TEXT NOT NULL, key TEXT NOT NULL, number INTEGER NOT NULL,
        PRIMARY KEY (pool, key), UNIQUE (pool, number)
    ) WITHOUT ROWID;
INSERT INTO "numbers" VALUES('policy-rank/acme/1000','access',0);
INSERT INTO "numbers" VALUES('policy-rank/acme/2000','telnet',0);
INSERT INTO "numbers" VALUES('tunnel-peer','acme/access/10.0.3.2/10.0.3.10',1);
INSERT INTO "numbers" VALUES('vlan','Network/acme/access',100);
INSERT INTO "numbers" VALUES('vlan','Network/acme/clients',101);
INSERT INTO "numbers" VALUES('vlan','Network/acme/data',102);
INSERT INTO "numbers" VALUES('vlan','Network/acme/servers',103);
INSERT INTO "numbers" VALUES('vrf','acme',1);
CREATE TABLE secrets (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO "secrets" VALUES('link probes',X'7837B8CBDA20DE023D2B1F14EDE54A9AC1D90AA03E85A9C15C1CA4F690A0BC43');
COMMIT;
