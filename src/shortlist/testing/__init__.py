"""Contract suites for any component: subclass one in a pytest file and name what to test.

::

    from shortlist.testing import SourceContract

    class TestMySource(SourceContract):
        source = MySource(quota=50)

Without pytest, ``check(TestMySource)`` runs the same tests. The suites use the data of `shortlist.testing.toy`.
"""

from shortlist.testing.check import check as check
from shortlist.testing.encoders import EncoderContract as EncoderContract
from shortlist.testing.features import FeatureContract as FeatureContract
from shortlist.testing.indexes import VectorIndexContract as VectorIndexContract
from shortlist.testing.rankers import RankerContract as RankerContract
from shortlist.testing.rankers import toy_examples as toy_examples
from shortlist.testing.rules import FilterContract as FilterContract
from shortlist.testing.rules import OrderContract as OrderContract
from shortlist.testing.sources import SourceContract as SourceContract
from shortlist.testing.toy import toy_data as toy_data
from shortlist.testing.toy import toy_items as toy_items
from shortlist.testing.toy import toy_queries as toy_queries
