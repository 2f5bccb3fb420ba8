"""Sample alerts like those of detection tools. The demo repeats them in a loop."""

from typing import Any

SAMPLES: tuple[dict[str, Any], ...] = (
    {
        "id": "AWS.Root.Login",
        "severity": "CRITICAL",
        "title": "Root login from 203.0.113.9",
        "name": "Root account used",
        "tags": ["aws", "identity"],
        "description": "The root user of account 123456789012 signed in to the console.",
        "runbook": "Ask the account's owner. If it was not them: revoke the session, rotate the password.",
        "alertContext": {"sourceIp": "203.0.113.9", "mfa": False, "account": "123456789012"},
    },
    {
        "id": "VPN.Brute.Force",
        "severity": "HIGH",
        "title": "Brute force on vpn-3",
        "name": "Many failed logins",
        "tags": ["vpn"],
        "alertContext": {"host": "vpn-3", "failures": 214, "users": ["admin", "root", "test"]},
    },
    {
        "id": "S3.Bucket.Public",
        "severity": "MEDIUM",
        "type": "POLICY",
        "name": "S3 bucket made public",
        "tags": ["aws", "storage"],
        "alertContext": {"bucket": "reports-2026", "by": "ci-deployer"},
    },
    {
        "id": "DNS.Rare.Domain",
        "severity": "LOW",
        "title": "Lookup of a domain first seen today",
        "tags": ["dns"],
        "alertContext": {"domain": "xn--4ca.example", "host": "build-7"},
    },
    {
        "id": "Okta.New.Device",
        "severity": "INFO",
        "title": "New device for maria@example.com",
        "tags": ["identity"],
    },
    {
        "id": "K8s.Exec.Into.Pod",
        "severity": "HIGH",
        "title": "Shell opened in pod payments-api-6f9c",
        "name": "Exec into a pod",
        "tags": ["kubernetes"],
        "alertContext": {"namespace": "payments", "user": "deploy-bot", "command": ["/bin/sh"]},
    },
    {
        "id": "GitHub.Secret.Pushed",
        "severity": "CRITICAL",
        "title": "Access key pushed to a public repository",
        "tags": ["github", "secrets"],
        "alertContext": {"repository": "example/website", "commit": "4f2d9c1"},
    },
    {
        "id": "Falco.Read.Sensitive.File",
        "severity": "MEDIUM",
        "title": "/etc/shadow read by an unexpected program",
        "tags": ["host"],
        "alertContext": {"host": "web-2", "process": "curl", "file": "/etc/shadow"},
    },
    {
        "id": "Suricata.ET.Scan",
        "severity": "LOW",
        "title": "Port scan from 198.51.100.23",
        "tags": ["network"],
        "alertContext": {"sourceIp": "198.51.100.23", "ports": 1024},
    },
    {
        "id": "Rule.Parse.Error",
        "severity": "INFO",
        "type": "RULE_ERROR",
        "title": "Rule Okta.Admin.Role failed to run",
        "description": "KeyError: 'actor'",
    },
    {
        "id": "Backup.Missing",
        "severity": "MEDIUM",
        "title": "No backup of db-1 for 26 hours",
        "tags": ["backup"],
    },
    {
        "id": "Inventory.Heartbeat",
        "severity": "INFO",
        "title": "Asset inventory refreshed",
        "destinations": [],
    },
)
