"""How features of events are computed: of items, of users, and of users by the words of the candidate."""
