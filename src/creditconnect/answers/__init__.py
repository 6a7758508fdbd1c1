"""What the chain lets one answer: is a record genuine, current and entitled; and does the chain's own state add up."""
