"""The p4fabric controller: intents in, P4Runtime entries out, congestion events back."""
