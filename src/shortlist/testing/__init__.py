"""Contract suites for anybody's components: subclass one in a pytest file and name what to test.

::

    from shortlist.testing.sources import SourceContract

    class TestMySource(SourceContract):
        source = MySource(quota=50)
"""
