"""What the report's prose says, as the templates' variables: results, verdicts, and the protocol behind them."""
